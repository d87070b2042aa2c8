"""Explanations: which decisions were made for a request, kept beside the work, and shown when somebody asks."""
