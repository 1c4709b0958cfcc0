"""What is observed of a tumour: imaging model, likelihood, noise and masks."""
