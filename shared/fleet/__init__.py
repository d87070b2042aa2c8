"""Fleet: the breakers of every process, seen from each api, and orders of operators to all of them.

Each process decides by its own breakers alone. About once a second it writes a report of them on a board in the cache
Redis and reads what has been ordered since; with the board away it goes on, unseen.
"""
