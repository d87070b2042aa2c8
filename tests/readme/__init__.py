"""The commands that the documents show to a newcomer work."""
