"""Stage train: neural surrogates of the solver and direct inverse networks."""
