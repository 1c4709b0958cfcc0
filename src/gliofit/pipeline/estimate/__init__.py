"""Forecast of the costs of a run: jobs, processor time, memory and disk."""
