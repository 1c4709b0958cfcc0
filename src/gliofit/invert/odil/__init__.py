"""Optimising a discrete loss (ODIL): joint optimisation of the space-time field of a tumour and its parameters."""
