"""What clients got that was not good, in groups."""
