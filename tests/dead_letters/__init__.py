"""Dead letters: their forms, their table, and what operators do with them."""
