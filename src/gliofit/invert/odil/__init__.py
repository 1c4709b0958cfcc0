"""Optimising a discrete loss (ODIL): the whole space-time field of a tumour and its parameters together."""
