"""What Holdfast depends on, a module each: `DEPENDENCY`, with one cell for every mode of failure."""
