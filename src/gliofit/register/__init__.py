"""Stage register: bring the atlas onto patients, and make phantom patients."""
