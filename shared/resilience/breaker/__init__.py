"""Circuit breakers: stop calling a dependency that fails, probe it with one call at a time, and return to full load
gradually.

`breaker.py` is the class; what it decides is in `machine.py`, which has no clock, lock or I/O of its own.
"""
