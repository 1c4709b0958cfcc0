"""What all figures have in common: sizes, fonts, colours, axes, slices of images, and how they are written."""
