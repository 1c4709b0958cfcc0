"""Stage study: inversion of many synthetic tumours under several scenarios."""
