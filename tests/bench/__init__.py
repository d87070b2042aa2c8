"""Measurements beside what people use today. Not part of `make test`; each module with a `main` has a make target."""
