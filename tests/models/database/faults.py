"""Faults of the database: what happens in place of a statement or a commit. All chances are shares of 1."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from tests.models.database.changes import Key
from tests.models.database.errors import error
from tests.models.database.plan import Change, Insert, Plan


@dataclass
class Faults:
    """What is wrong now. Everything as it should be at first."""

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
    #: A node of a cluster whose others are gone: it keeps its connections, and answers nothing but errors.
    no_quorum: bool = False
    #: One of two nodes of a cluster has what the other one committed so much later. Every second session is at it: it
    #: waits as long, or reads what was. What it writes is not compared with what it has not read.
    behind_s: float = 0.0
    statement_s: float = 0.0
    commit_s: float = 0.0
    #: Rows that may not be changed: what a trigger on the table does, or a page that is broken.
    refused: set[Key] = field(default_factory=set)
    #: How it is answered.
    refusal: int = 1644

    def happens(self, share: float) -> bool:
        """Whether it does, this time."""
        return share > 0 and self.chance.random() < share

    def unprepared(self) -> None:
        """Raises what a node without a quorum answers to everything but SET and SHOW."""
        if self.no_quorum:
            raise error(1047, "WSREP has not yet prepared node for application use")

    def before(self, plan: Plan) -> None:
        """Raises what happens in place of a statement."""
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
        """Raises what happens when these rows are changed."""
        if not self.refused.isdisjoint(rows):
            raise error(self.refusal, "the model was asked to refuse this row")
