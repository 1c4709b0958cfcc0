"""Networks: training on simulated tumours, and loading what was trained."""
