"""The writer: applies the write stream to MySQL. Every entry ends in exactly one outcome."""
