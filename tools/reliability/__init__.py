"""Tests of killed and repeated runs, which take hours."""
