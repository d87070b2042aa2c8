"""Lint: finds in a dashboard's JSON what makes it wrong, misleading or empty, before it is used."""
