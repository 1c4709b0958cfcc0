"""Tables of results, and the templates that render them and HTML pages."""
