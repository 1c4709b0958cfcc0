"""Grids, files, labels, threads and errors, used by every other package."""
