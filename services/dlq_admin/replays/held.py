"""Held: what a replay holds back while partitions of the queue are down."""

from collections.abc import Iterable
from typing import Self

from holdfast.shared.queue.partitions import Partition


class Held:
    """The letters that wait: those of a partition that is down, those that need a unique value there, and all later
    letters of the same entities, because the letters of an entity are sent in order. `away`: why each partition does
    not answer."""

    def __init__(self) -> None:
        self.away: dict[Partition, Exception] = {}
        #: Items up to this position have been considered; those of them that were not sent wait.
        self.position = -1
        #: No items follow `position`.
        self.at_end = False
        self._entities: set[str] = set()

    def keeps(self, entity_id: str, needs: Iterable[Partition]) -> bool:
        """Return whether a letter that needs these partitions has to wait. If so, later letters of its entity wait,
        too."""
        if entity_id in self._entities:
            return True
        if self.away.keys().isdisjoint(needs):
            return False
        if entity_id:
            self._entities.add(entity_id)
        return True

    def failed(self, partition: Partition, error: Exception) -> None:
        """Record that a partition is down. The driver reports it."""
        self.away[partition] = error

    def raise_one(self) -> None:
        """Raise the error of a partition that is down, if there is one."""
        for error in self.away.values():
            raise error

    def anew(self) -> None:
        """Choose from the first item again, because some items may no longer have to wait."""
        self.position, self.at_end = -1, False

    def following(self, before: Self) -> Self:
        """Return this state as the successor of `before`. If no partition is back, all that waited still waits."""
        if before.away and before.away.keys() <= self.away.keys():
            self.position, self.at_end = before.position, before.at_end
            self._entities |= before._entities
        return self
