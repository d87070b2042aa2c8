"""Pages: the pages of the console."""
