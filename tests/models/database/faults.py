"""Faults of the database: what happens instead of a statement or a commit. All chances are shares of 1."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from tests.models.database.changes import Key
from tests.models.database.errors import error
from tests.models.database.plan import Change, Insert, Plan


@dataclass
class Faults:
    """The faults in force. At first there are none."""

    chance: Random
    #: Commits that take effect, and whose answer is lost.
    lose_answer: float = 0.0
    #: Commits that are lost before they take effect.
    refuse_commit: float = 0.0
    #: Statements that end in a deadlock.
    deadlock: float = 0.0
    #: Statements that are answered with `number`.
    answer: float = 1.0
    number: int = 0
    full: bool = False
    read_only: bool = False
    #: Whether this is a cluster's node that lost its quorum: it keeps its connections, and answers only errors.
    no_quorum: bool = False
    #: Seconds by which one of two nodes of a cluster is behind the other. Every second session is at that node. It
    #: waits as long, or reads old data. Its writes are not checked against what it has not read.
    behind_s: float = 0.0
    statement_s: float = 0.0
    commit_s: float = 0.0
    #: Rows whose changes are refused, as by a trigger on the table or a damaged page.
    refused: set[Key] = field(default_factory=set)
    #: The error number of such a refusal.
    refusal: int = 1644

    def happens(self, share: float) -> bool:
        """Return whether a fault with this chance happens now."""
        return share > 0 and self.chance.random() < share

    def unprepared(self) -> None:
        """Raise what a node without a quorum answers to everything except SET and SHOW."""
        if self.no_quorum:
            raise error(1047, "WSREP has not yet prepared node for application use")

    def before(self, plan: Plan) -> None:
        """Raise what happens instead of a statement."""
        if self.number and self.happens(self.answer):
            raise error(self.number, "the model was asked to answer this")
        if self.happens(self.deadlock):
            raise error(1213, "Deadlock found when trying to get lock; try restarting transaction")
        writes = isinstance(plan, Insert | Change)
        if writes and self.read_only:
            raise error(1290, "The MariaDB server is running with the --read-only option so it cannot execute this")
        if self.full and isinstance(plan, Insert):
            raise error(1114, f"The table '{plan.table.name}' is full")
        if self.full and isinstance(plan, Change) and plan.sql:
            raise error(1021, "Disk full (data); waiting for someone to free some space")

    def at(self, rows: Iterable[Key]) -> None:
        """Raise what happens when these rows are changed."""
        if not self.refused.isdisjoint(rows):
            raise error(self.refusal, "the model was asked to refuse this row")
