"""Finding dead letters: filters and selections, the search, one letter with its surroundings, groups."""
