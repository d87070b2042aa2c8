"""Explanations: the decisions that were made for a request, kept for operators."""
