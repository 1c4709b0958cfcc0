"""Stage assess: how good trained surrogates are, against tumours they have not seen and against the solver."""
