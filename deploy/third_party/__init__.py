"""A stand-in for somebody else's API: only for the local stack and the demo."""
