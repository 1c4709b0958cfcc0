"""Stage plan: radiotherapy target volumes by a margin and by a tumour-cell map, their comparison and export."""
