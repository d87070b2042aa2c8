"""Locked rows: keeps a row that another transaction has locked from holding up all other writes.

A transaction waits for a lock, because locks are short. Once it has waited in vain, it is repeated past the locked
rows, and so are the next transactions with the same entities until the rows are free. The writes to the locked rows
wait for a later turn and are not charged.
"""

from typing import Protocol

from holdfast.shared.writes.commands import Ref
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Outcome, Retry


class Transaction(Protocol):
    """A function that applies a batch. `past_locks`: do not wait for locked rows."""

    def __call__(self, batch: list[Delivery], *, past_locks: bool) -> list[Outcome]:
        """Return one outcome per delivery. Raises a Fault."""


class LockedRows:
    """Runs `transaction`, and remembers which entities' rows were locked."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._locked: frozenset[Ref] = frozenset()

    def __call__(self, batch: list[Delivery], met_a_lock: bool) -> list[Outcome]:
        """Apply a batch. `met_a_lock`: it has just waited for a lock in vain. Raises as `transaction` does."""
        entities = {delivery.write.ref for delivery in batch} if self._locked else frozenset()
        outcomes = self._transaction(batch, past_locks=met_a_lock or not self._locked.isdisjoint(entities))
        locked = {
            delivery.write.ref
            for delivery, outcome in zip(batch, outcomes, strict=True)
            if isinstance(outcome, Retry) and outcome.locked
        }
        self._locked = (self._locked - entities) | locked
        return outcomes
