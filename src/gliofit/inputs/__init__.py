"""Images, labels and names that users give, each read in one place."""
