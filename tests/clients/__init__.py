"""Clients that generators make from our OpenAPI documents."""
