"""Common parts of figures: sizes, fonts, colours, axes, slices of images, and output."""
