"""Scores of fields, masks and parameters, and statistics over cases; the only definitions in the package."""
