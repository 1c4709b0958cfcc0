"""Stage atlas: the healthy brain everything starts from."""
