"""Locked rows: what keeps a row that another transaction has locked from holding up all other writes.

A transaction waits for a lock, for locks are short. Once it has waited in vain it goes past the rows that are locked,
and so do the next ones for the same entities, until those rows are free: their writes wait for a later turn, uncharged.
"""

from typing import Protocol

from holdfast.shared.writes.commands import Ref
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Outcome, Retry


class Transaction(Protocol):
    """Applies a batch. `past_locks`: without waiting for locked rows."""

    def __call__(self, batch: list[Delivery], *, past_locks: bool) -> list[Outcome]:
        """One outcome each. Raises a Fault."""


class LockedRows:
    """Runs `transaction`, and remembers which entities' rows were locked."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._locked: frozenset[Ref] = frozenset()

    def __call__(self, batch: list[Delivery], met_a_lock: bool) -> list[Outcome]:
        """`met_a_lock`: the same batch has just waited for one in vain. Raises as `transaction` does."""
        entities = {delivery.write.ref for delivery in batch} if self._locked else frozenset()
        outcomes = self._transaction(batch, past_locks=met_a_lock or not self._locked.isdisjoint(entities))
        locked = {
            delivery.write.ref
            for delivery, outcome in zip(batch, outcomes, strict=True)
            if isinstance(outcome, Retry) and outcome.locked
        }
        self._locked = (self._locked - entities) | locked
        return outcomes
