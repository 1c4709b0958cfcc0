"""Stage evaluate: errors per case and method, and statistics per cohort."""
