"""Stage register: registration of the atlas to patients, and phantom patients."""
