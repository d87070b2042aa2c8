"""Calls the third party on behalf of everyone."""
