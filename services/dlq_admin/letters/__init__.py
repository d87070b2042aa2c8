"""Dead letters: from their stream into the index, found, edited, tried, decided on, exchanged, removed when due."""
