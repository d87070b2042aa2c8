"""Real faults on real processes, and what a client sees of them; one file for each component that can fail."""
