"""Stage simulate: draw parameters and grow synthetic tumours in shards."""
