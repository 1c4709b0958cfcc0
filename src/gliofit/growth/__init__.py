"""Growth models: their parameters, what a parameter vector means, and how it becomes a forward problem."""
