"""Stage plan: radiotherapy target volumes from a margin and from a tumour-cell map, compared and exported."""
