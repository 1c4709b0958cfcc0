"""Stage publish: tables, figures and the report."""
