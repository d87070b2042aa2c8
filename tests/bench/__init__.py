"""Benchmarks beside common alternatives. `make test` does not run them; each module with a `main` has a make target."""
