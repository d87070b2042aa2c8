"""Dead letters and replays: their content and its forms, which is pure code, and their own tables and SQL."""
