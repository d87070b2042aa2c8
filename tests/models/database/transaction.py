"""Transactions: what each has changed and locked, which waits for which, and what is committed."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from tests.models.database.changes import Change, Key, Rows
from tests.models.database.errors import error, lost
from tests.models.database.waits import Waits

_KEPT_S = 60.0


@dataclass(eq=False, slots=True)
class Transaction:
    """A transaction. `snapshot`: how many commits a repeatable read sees, or None before its first read. `waits_for`:
    the holder of the lock that it waits for. `node`: its node in a cluster."""

    node: int = 0

    changes: list[Change] = field(default_factory=list)
    locks: set[Key] = field(default_factory=set)
    #: The part of `locks` that it has only because of a change, and loses when the change is undone.
    implied: set[Key] = field(default_factory=set)
    #: The number of changes at each savepoint. None if nothing had been done before it: a rollback to such a savepoint
    #: releases everything in InnoDB.
    savepoints: dict[str, int | None] = field(default_factory=dict)
    snapshot: int | None = None
    waits_for: "Transaction | None" = None
    wakeup: Any = None
    #: Commits of another node after this one are not here yet. None if all are here.
    seen_s: float | None = None
    #: Set from outside: the transaction is rolled back, and its session is gone.
    killed: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: its changes, its time and its node."""

    at_s: float
    node: int
    changes: list[Change]


class Transactions:
    """All transactions of one server."""

    def __init__(self, rows: Rows, waits: Waits, clock: Callable[[], float]) -> None:
        self._rows = rows
        self._waits = waits
        self._clock = clock
        self._open: dict[Transaction, None] = {}
        self._holders: dict[Key, Transaction] = {}
        self._commits: deque[Commit] = deque()
        #: The number of forgotten commits.
        self._forgotten = 0

    def begin(self, node: int = 0) -> Transaction:
        """Begin a new transaction."""
        transaction = Transaction(node)
        self._open[transaction] = None
        return transaction

    def commit(self, transaction: Transaction) -> None:
        """Commit a transaction."""
        if transaction.changes:
            self._commits.append(Commit(self._clock(), transaction.node, transaction.changes))
            self._forget_commits()
        self._end(transaction)

    def roll_back(self, transaction: Transaction) -> None:
        """Undo a transaction."""
        if transaction in self._open:
            self._rows.undo(transaction.changes)
            self._end(transaction)

    def roll_back_to(self, transaction: Transaction, mark: int) -> None:
        """Undo what came after a point. The locks stay, except those implied by undone changes."""
        undone = transaction.changes[mark:]
        self._rows.undo(undone)
        del transaction.changes[mark:]
        if transaction.implied:
            over = self._rows.keys(undone) & transaction.implied
            self._release(transaction, over - self._rows.keys(transaction.changes))

    def start_over(self, transaction: Transaction) -> None:
        """Undo everything, and release locks and snapshot. The transaction stays open."""
        self._rows.undo(transaction.changes)
        transaction.changes.clear()
        transaction.snapshot = None
        self._release(transaction, set(transaction.locks))

    def roll_back_all(self) -> None:
        """Undo every open transaction, as a restarting server does."""
        for transaction in list(self._open):
            self.roll_back(transaction)

    def _end(self, transaction: Transaction) -> None:
        del self._open[transaction]
        self._release(transaction, set(transaction.locks))

    def _release(self, transaction: Transaction, keys: set[Key]) -> None:
        transaction.locks -= keys
        transaction.implied -= keys
        for key in keys:
            del self._holders[key]
        for other in list(self._open):
            if other.waits_for is transaction and other.wakeup:
                other.wakeup.set()

    # --- locks ---

    def is_free(self, transaction: Transaction, key: Key) -> bool:
        """Return whether the transaction could lock this now."""
        return self._holders.get(key, transaction) is transaction

    def imply(self, transaction: Transaction, keys: set[Key]) -> None:
        """Lock what the transaction has changed. It is free, because the change would have waited for another
        holder."""
        for key in keys - transaction.locks:
            assert key not in self._holders, key
            self._holders[key] = transaction
            transaction.locks.add(key)
            transaction.implied.add(key)

    def lock(self, transaction: Transaction, keys: Iterable[Key], timeout_s: float | None) -> bool:
        """Lock all of these, one after the other. Return whether no wait was needed: after a wait everything may be
        different. `timeout_s`: None for no wait at all. Raises a lock wait timeout, a deadlock, or that the transaction
        was killed."""
        waited = False
        for key in sorted(keys, key=repr):
            while (holder := self._holders.get(key, transaction)) is not transaction:
                self._wait(transaction, holder, timeout_s)
                waited = True
            self._holders[key] = transaction
            transaction.locks.add(key)
        return not waited

    def _wait(self, transaction: Transaction, holder: Transaction, timeout_s: float | None) -> None:
        if timeout_s is None:
            raise error(3572, "Statement aborted because lock(s) could not be acquired immediately and NOWAIT is set.")
        other: Transaction | None = holder
        while other is not None:
            if other.waits_for is transaction:
                raise error(1213, "Deadlock found when trying to get lock; try restarting transaction")
            other = other.waits_for
        transaction.waits_for, transaction.wakeup = holder, self._waits.wakeup()
        try:
            in_time = self._waits.wait(transaction.wakeup, timeout_s)
        finally:
            transaction.waits_for = transaction.wakeup = None
        if transaction.killed:
            raise lost()
        if not in_time:
            raise error(1205, "Lock wait timeout exceeded; try restarting transaction")

    def kill(self, transaction: Transaction) -> None:
        """End a transaction from outside, with any wait of it."""
        transaction.killed = True
        wakeup = transaction.wakeup
        self.roll_back(transaction)
        if wakeup:
            wakeup.set()

    # --- what a statement sees ---

    def hidden(self, transaction: Transaction, tables: frozenset[str], *, snapshot: bool) -> list[Change]:
        """Return the changes that a statement does not see, the oldest first. `snapshot`: whether changes committed
        after its first read are among them."""
        hidden: list[Change] = []
        later = self._not_here(transaction)
        if snapshot and transaction.snapshot is not None:
            later = max(later, len(self._commits) - max(0, transaction.snapshot - self._forgotten))
        if later > 0:
            for commit in list(self._commits)[-later:]:
                hidden += [change for change in commit.changes if change.table in tables]
        for other in self._open:
            if other is not transaction and other.changes:
                hidden += [change for change in other.changes if change.table in tables]
        return hidden

    def _not_here(self, transaction: Transaction) -> int:
        """Return the number of commits that its node does not have yet."""
        seen_s = transaction.seen_s
        if seen_s is None:
            return 0
        newest_first = reversed(self._commits)
        return sum(1 for _ in takewhile(lambda one: one.at_s > seen_s and one.node != transaction.node, newest_first))

    def take_snapshot(self, transaction: Transaction) -> None:
        """Take the snapshot at the first read."""
        if transaction.snapshot is None:
            transaction.snapshot = self._forgotten + len(self._commits)

    def go_back(self, to_s: float) -> None:
        """Lose what was committed after this moment."""
        self.roll_back_all()
        while self._commits and self._commits[-1].at_s > to_s:
            self._rows.undo(self._commits.pop().changes)

    def _forget_commits(self) -> None:
        seen = min((one.snapshot for one in self._open if one.snapshot is not None), default=None)
        now_s = self._clock()
        while self._commits and self._commits[0].at_s < now_s - _KEPT_S and (seen is None or seen > self._forgotten):
            self._commits.popleft()
            self._forgotten += 1
