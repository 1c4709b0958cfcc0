"""Configuration, jobs of the workflow, provenance, and fits of single patients from files."""
