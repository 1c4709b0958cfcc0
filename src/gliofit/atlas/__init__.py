"""Stage atlas: the healthy anatomy that patients are registered to and tumours are simulated in."""
