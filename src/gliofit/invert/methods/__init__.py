"""Inversion methods, one file each; the file's name is the name of the inverter (``direct.py`` is ``direct``)."""
