"""Circuit breakers: stop calling a dependency that fails, probe it with one call at a time, and return to full load
gradually.

`breaker.py` holds the class that callers use; `machine.py` holds its decisions, without a clock, lock or I/O of its
own.
"""
