"""Transactions: what each has changed and locked, who waits for whom, and what is committed."""

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
    """`snapshot`: how many commits a repeatable read sees; None: it has not read yet. `waits_for`: whose lock. `node`:
    of a cluster, where it is."""

    node: int = 0

    changes: list[Change] = field(default_factory=list)
    locks: set[Key] = field(default_factory=set)
    #: Those of `locks` that it has only because it changed something: they go when that is undone.
    implied: set[Key] = field(default_factory=set)
    #: How many changes there were; None: it had done nothing, and InnoDB lets go of all of it.
    savepoints: dict[str, int | None] = field(default_factory=dict)
    snapshot: int | None = None
    waits_for: "Transaction | None" = None
    wakeup: Any = None
    #: What another node committed after this is not here yet; None: everything is.
    seen_s: float | None = None
    #: Set from outside: it is rolled back, and its session is gone.
    killed: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """What was committed when and where."""

    at_s: float
    node: int
    changes: list[Change]


class Transactions:
    """All of one server."""

    def __init__(self, rows: Rows, waits: Waits, clock: Callable[[], float]) -> None:
        self._rows = rows
        self._waits = waits
        self._clock = clock
        self._open: dict[Transaction, None] = {}
        self._holders: dict[Key, Transaction] = {}
        self._commits: deque[Commit] = deque()
        #: How many commits were forgotten.
        self._forgotten = 0

    def begin(self, node: int = 0) -> Transaction:
        """A new one."""
        transaction = Transaction(node)
        self._open[transaction] = None
        return transaction

    def commit(self, transaction: Transaction) -> None:
        """Its changes stay."""
        if transaction.changes:
            self._commits.append(Commit(self._clock(), transaction.node, transaction.changes))
            self._forget_commits()
        self._end(transaction)

    def roll_back(self, transaction: Transaction) -> None:
        """Its changes are undone."""
        if transaction in self._open:
            self._rows.undo(transaction.changes)
            self._end(transaction)

    def roll_back_to(self, transaction: Transaction, mark: int) -> None:
        """Undo what came after. Its locks stay, but for those that were implied."""
        undone = transaction.changes[mark:]
        self._rows.undo(undone)
        del transaction.changes[mark:]
        if transaction.implied:
            over = self._rows.keys(undone) & transaction.implied
            self._release(transaction, over - self._rows.keys(transaction.changes))

    def start_over(self, transaction: Transaction) -> None:
        """Undo all of it, and let go of its locks and its snapshot; it stays open."""
        self._rows.undo(transaction.changes)
        transaction.changes.clear()
        transaction.snapshot = None
        self._release(transaction, set(transaction.locks))

    def roll_back_all(self) -> None:
        """As a server does that starts again."""
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
        """Whether it could lock this now."""
        return self._holders.get(key, transaction) is transaction

    def imply(self, transaction: Transaction, keys: set[Key]) -> None:
        """Lock what it has changed. It is free: whoever held it would have been waited for."""
        for key in keys - transaction.locks:
            assert key not in self._holders, key
            self._holders[key] = transaction
            transaction.locks.add(key)
            transaction.implied.add(key)

    def lock(self, transaction: Transaction, keys: Iterable[Key], timeout_s: float | None) -> bool:
        """Lock them all, one after the other. Whether it never had to wait: if it did, everything may be different.
        `timeout_s` None: it does not wait at all. Raises a lock wait timeout or a deadlock, or that it was killed."""
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
        """End it from outside; a wait of it ends too."""
        transaction.killed = True
        wakeup = transaction.wakeup
        self.roll_back(transaction)
        if wakeup:
            wakeup.set()

    # --- what a statement sees ---

    def hidden(self, transaction: Transaction, tables: frozenset[str], *, snapshot: bool) -> list[Change]:
        """What a statement does not see, oldest first. `snapshot`: also what was committed after its first read."""
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
        """How many commits its node does not have yet. What was committed there came after all before it."""
        seen_s = transaction.seen_s
        if seen_s is None:
            return 0
        newest_first = reversed(self._commits)
        return sum(1 for _ in takewhile(lambda one: one.at_s > seen_s and one.node != transaction.node, newest_first))

    def take_snapshot(self, transaction: Transaction) -> None:
        """At its first read."""
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
