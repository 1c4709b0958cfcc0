"""What becomes of a run that is killed, repeated, or loses its disk: the full tests, which take hours."""
