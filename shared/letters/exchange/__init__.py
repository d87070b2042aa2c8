"""Dead letters as lines of a file, and back."""
