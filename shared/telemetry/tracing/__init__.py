"""Tracing: off, and free of cost, unless a receiver is configured. The program calls `spans`."""
