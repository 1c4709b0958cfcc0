"""Export of results to layouts and formats of other programs."""
