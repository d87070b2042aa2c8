"""Console: dead letters in a browser. Pages call the same functions as the REST routes."""
