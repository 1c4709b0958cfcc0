"""What of the paper was reproduced: records of finished runs, and the page ``docs/reproduction.md`` made from them."""
