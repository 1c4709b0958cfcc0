"""Stage invert: estimate theta from an observation, one file per method."""
