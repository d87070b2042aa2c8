"""The audit: who did what to which dead letters and why, as a chain of hashes."""
