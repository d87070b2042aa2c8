"""Tracing: off, and free of cost, unless a receiver is configured. The rest of the program uses only `spans`."""
