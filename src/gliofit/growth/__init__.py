"""Growth models: parameter spaces, parameter vectors and coefficients of the growth equation."""
