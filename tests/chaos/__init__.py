"""The experiments: their verdicts without a stack, and the rest on real processes."""
