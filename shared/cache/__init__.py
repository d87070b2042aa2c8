"""Cache: copies of entities for the time when the database does not answer. They are kept in a Redis of its own, which
may lose anything at any time. A failure of the cache never fails a request."""
