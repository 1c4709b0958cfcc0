"""Stage simulate: random parameters and synthetic tumours, stored in shards."""
