"""Architectures, one module each; ``convnext_unet.py`` is chosen in the configuration as ``convnext-unet``."""
