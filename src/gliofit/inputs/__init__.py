"""Readers of a user's images, labels and file names."""
