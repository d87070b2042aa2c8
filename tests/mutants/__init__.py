"""Planted bugs: mistakes that a good engineer could make here, each as a patch, and the proofs that catch it."""
