"""Finding dead letters: filters and selections, the search, one letter with everything about it, and groups."""
