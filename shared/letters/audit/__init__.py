"""The audit: who did what to which dead letters and why, secured by a chain of hashes."""
