"""What operators decide on dead letters: discard, restore, how many one person may change alone, what the queue has to
learn, notes on groups."""
