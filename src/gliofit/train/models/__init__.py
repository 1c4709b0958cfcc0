"""Architectures, one module each; ``convnext_unet.py`` is ``convnext-unet`` in configurations."""
