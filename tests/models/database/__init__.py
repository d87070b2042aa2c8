"""A model of MariaDB (and MySQL) with InnoDB: transactions, row locks, unique keys, snapshots, and its faults.

One SQLite in memory holds the rows as all transactions have left them, uncommitted changes included, as InnoDB does.
Beside it are row locks, and a log of each transaction's changes. A statement sees its own transaction's changes and
what is committed: the changes of others to the tables that it reads are undone while it runs. SQLite's session
extension would give a change log as well, but it owns the hook that the row locks and undo here come from.
"""
