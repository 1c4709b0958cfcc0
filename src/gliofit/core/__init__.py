"""Grids, files, labels, threads and errors: what every other package rests on."""
