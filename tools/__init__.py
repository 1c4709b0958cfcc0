"""Programs for maintainers: generated files, the reproduction page, and measurements behind estimates."""
