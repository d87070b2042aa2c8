"""The cache: copies of entities for the time when the database does not answer. In a Redis of its own, which may forget
anything at any time; never a reason for a request to fail."""
