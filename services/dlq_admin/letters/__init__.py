"""Letters: dead letters are indexed from their stream, searched, edited, tried out, decided on, exported and imported,
and removed when due."""
