"""Models of the stores with their real semantics, in one process, and in the time that their caller provides."""
