"""Lint: what makes a dashboard wrong, misleading or empty, found in its JSON before it is used."""
