"""What a run costs, told before it starts: jobs, processor time, memory and disk."""
