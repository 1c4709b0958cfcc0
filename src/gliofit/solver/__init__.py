"""Forward solvers of the Fisher-Kolmogorov equation."""
