"""Dead letters and replays: what they hold and its forms, pure; and their own SQL, in `store` and `replays`."""
