"""No I/O."""
