"""Breakers: stop calling what does not answer, ask again with one call at a time, and come back gently.

`breaker.py` is the class; what it decides is in `machine.py`, which has no clock, lock or I/O of its own.
"""
