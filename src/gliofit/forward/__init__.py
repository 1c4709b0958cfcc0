"""Stage forward: forward simulation of every estimate at the case's full resolution."""
