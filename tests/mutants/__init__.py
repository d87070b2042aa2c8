"""Planted bugs: mistakes that a good engineer could make here, each as a patch, and which proof catches it."""
