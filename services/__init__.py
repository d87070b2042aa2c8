"""The four services. They never import one another."""
