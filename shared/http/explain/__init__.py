"""Explanations: keeps the decisions that were made for a request, for operators."""
