"""Fleet: the breakers of every process, as each api sees them, and operators' orders to all of them.

Each process decides by its own breakers alone. About once a second it reports them to a board in the cache Redis, and
reads the orders given since then. Without the board a process keeps working, but other processes do not see its
breakers.
"""
