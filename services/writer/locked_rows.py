"""Locked rows: what keeps a row that somebody has locked from holding up everybody else's writes.

A transaction waits for a lock, for locks are short. Once it has waited in vain it goes past the rows that are locked,
and so do the next ones for the same users, until those rows are free: their writes wait for a later turn, uncharged.
"""

from collections.abc import Callable

from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Outcome, Retry

#: (batch, whether to go past locked rows) -> outcomes.
Transaction = Callable[[list[Delivery], bool], list[Outcome]]


class LockedRows:
    """Runs `transaction`, and remembers whose rows were locked."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._locked: frozenset[str] = frozenset()

    def __call__(self, batch: list[Delivery], again: bool) -> list[Outcome]:
        """`again`: the same batch has just met a lock. Raises as `transaction` does."""
        users = {delivery.write.user_id for delivery in batch}
        outcomes = self._transaction(batch, again or not self._locked.isdisjoint(users))
        locked = {
            delivery.write.user_id
            for delivery, outcome in zip(batch, outcomes, strict=True)
            if isinstance(outcome, Retry) and outcome.locked
        }
        self._locked = (self._locked - users) | locked
        return outcomes
