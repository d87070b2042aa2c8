"""Load tests and benchmarks: what clients felt, what became of their writes, and whether the result can be trusted. The
client itself is deploy/client."""
