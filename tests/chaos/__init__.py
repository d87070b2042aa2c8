"""The experiments: their judgement without a stack, and the rest on real processes."""
