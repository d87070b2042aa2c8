"""Clients that generators make of our documents."""
