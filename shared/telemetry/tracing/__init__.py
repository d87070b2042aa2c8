"""Tracing: off, and free of cost, unless there is somewhere to send traces to. `spans` is what the program calls."""
