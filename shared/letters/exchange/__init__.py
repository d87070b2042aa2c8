"""Export and import of dead letters as lines of a file."""
