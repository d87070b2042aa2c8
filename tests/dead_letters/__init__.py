"""Dead letters: their formats, their table, and the actions of operators."""
