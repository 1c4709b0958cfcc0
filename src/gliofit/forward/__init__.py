"""Stage forward: the final high-precision run for every estimate."""
