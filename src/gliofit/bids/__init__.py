"""Names and places of files in BIDS datasets (Brain Imaging Data Structure)."""
