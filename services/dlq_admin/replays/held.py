"""Held: what a replay holds back while partitions of the queue are away."""

from collections.abc import Iterable
from typing import Self

from holdfast.shared.queue.partitions import Partition


class Held:
    """Letters that are of a partition that is away, or want a unique value there, wait; and so do those that follow of
    the same entities: what is sent of one is sent in order. `away`: why the partitions do not answer."""

    def __init__(self) -> None:
        self.away: dict[Partition, Exception] = {}
        #: Items up to this position were chosen; what is left of them waits.
        self.position = -1
        #: Nothing follows it.
        self.at_end = False
        self._entities: set[str] = set()

    def keeps(self, entity_id: str, needs: Iterable[Partition]) -> bool:
        """Whether a letter waits that needs these partitions."""
        if entity_id in self._entities:
            return True
        if self.away.keys().isdisjoint(needs):
            return False
        if entity_id:
            self._entities.add(entity_id)
        return True

    def failed(self, partition: Partition, error: Exception) -> None:
        """It is away. Who drives the replay reports it."""
        self.away[partition] = error

    def raise_one(self) -> None:
        """Raise what one of those that are away raised."""
        for error in self.away.values():
            raise error

    def anew(self) -> None:
        """Choose from the first item on: there may be some that need not wait."""
        self.position, self.at_end = -1, False

    def following(self, before: Self) -> Self:
        """This look at what is away, after the one `before`; when none of them is back, all that waited still does."""
        if before.away and before.away.keys() <= self.away.keys():
            self.position, self.at_end = before.position, before.at_end
            self._entities |= before._entities
        return self
