"""HTTP request -> validated command -> accepted write; and the reads."""
