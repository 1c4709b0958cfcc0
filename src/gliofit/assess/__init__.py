"""Stage assess: errors of trained surrogates and their derivatives on test tumours."""
