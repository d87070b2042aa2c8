"""What the documents tell a newcomer to type works."""
