"""The parts that Holdfast depends on, one module each: `DEPENDENCY`, with one cell for every mode of failure."""
