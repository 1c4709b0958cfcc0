"""Reproduction of the paper: records of finished runs, and the page ``docs/reproduction.md``."""
