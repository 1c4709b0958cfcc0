"""Results in layouts and file formats that other programs know."""
