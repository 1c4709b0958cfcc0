"""gliofit: personalise brain-tumour growth models to patients."""

__version__ = "0.1.0"
