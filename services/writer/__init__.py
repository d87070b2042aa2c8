"""Write stream -> MySQL: every entry ends in exactly one outcome."""
