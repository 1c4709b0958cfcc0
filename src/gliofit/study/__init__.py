"""Stage study: many synthetic tumours, observed under named scenarios, inverted and scored."""
