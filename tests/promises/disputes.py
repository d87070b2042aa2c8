"""Disputes: where the order of acceptance is not defined.

While the queue is away a write goes straight to the database: past earlier ones that are still queued, and itself
perhaps after later ones, because it has its version from before its transaction. Between a direct write and another one
of the same entity or unique value the order is that of their commits, not that of their versions. Neither is it known
for an operation that no answer named, nor between two with the same version: a queue that forgot its last moments may
give a version again. And of several partitions one has versions of the future when somebody has put an entry from the
future there: between a write of it and a later one of another partition, about the same unique value, the order is not
that of their versions. What such writes touch, and what follows from it, is counted and not compared with the
sequential model.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from tests.promises.final import Ended, Entity, Final
from tests.promises.writes import Intent, Writes

Thing = Entity | tuple[str, str]


@dataclass
class Disputed:
    """What cannot be compared."""

    #: Pairs of a direct write and another one that were applied in another order than that of their versions.
    pairs: int = 0
    operations: set[str] = field(default_factory=set)
    entities: set[Entity] = field(default_factory=set)


class Disputes:
    """Of one run. `unique`: the unique field of each resource; `forgets`: whether the queue was made to forget;
    `ahead`: whether one of its partitions may be ahead of the others."""

    def __init__(
        self, writes: Writes, final: Final, unique: Mapping[str, str], *, forgets: bool, ahead: bool = False
    ) -> None:
        self._writes = writes
        self._forgets = forgets
        self._ahead = ahead
        self._unique = unique
        self._dead = {letter.operation_id for letter in final.letters}

    @cached_property
    def found(self) -> Disputed:
        """All that follows from each of them."""
        writes = self._writes
        in_order = sorted(writes.by_operation.keys() & writes.ended.keys(), key=lambda id: writes.ended[id].version)
        touched = {id: self._touched(writes.by_operation[id], writes.ended[id]) for id in in_order}
        found = Disputed()
        things: set[Thing] = set(self._of_unexplained())
        # A dead letter was passed by later writes, and takes its place among them when it is sent again.
        for id in self._dead & writes.by_operation.keys():
            things |= self._touched(writes.by_operation[id], writes.ended.get(id))
        values = self._values(touched.values())
        for direct, other in _out_of_order(in_order, writes.ended):
            if self._met(direct, touched, values) & self._met(other, touched, values):
                found.pairs += 1
                things |= touched[direct] | touched[other]
        for one, other in pairwise(in_order) if self._forgets else ():
            if writes.ended[one].version == writes.ended[other].version:
                things |= touched[one] | touched[other]
        for one, later in self._of_another_clock(in_order) if self._ahead else ():
            if self._met(one, touched, values) & self._met(later, touched, values):
                things |= touched[one] | touched[later]
        _spread(things, touched)
        found.operations = {id for id in in_order if touched[id] & things}
        found.entities = {thing for thing in things if isinstance(thing, Entity)}
        return found

    def _of_another_clock(self, in_order: list[str]) -> Iterable[tuple[str, str]]:
        """Each operation with those of other entities that were sent after it was acknowledged, and are older."""
        for place, one in enumerate(in_order):
            acknowledged = self._writes.by_operation[one].acknowledged
            for later in in_order[:place] if acknowledged else ():
                sent_s = self._writes.by_operation[later].attempts[0].sent.at_s
                if sent_s > acknowledged.at_s and self._writes.ended[one].entity != self._writes.ended[later].entity:
                    yield one, later

    def _of_unexplained(self) -> Iterable[Thing]:
        for ended in self._writes.unexplained:
            yield ended.entity
            for intent in self._writes.candidates(ended):
                yield from self._touched(intent, ended)

    def _touched(self, intent: Intent, ended: Ended | None) -> set[Thing]:
        value = intent.values.get(self._unique.get(intent.resource, ""))
        things: set[Thing] = {ended.entity if ended else intent.entity}
        return things | ({(intent.resource, str(value).lower())} if value is not None else set())

    def _met(self, id: str, touched: Mapping[str, set[Thing]], values: Mapping[Entity, set[Thing]]) -> set[Thing]:
        """What the write touched, and the values that its entity had and it may have freed."""
        intent, entity = self._writes.by_operation[id], self._writes.ended[id].entity
        frees = intent.method == "DELETE" or self._unique.get(intent.resource, "") in intent.values
        return touched[id] | (values[entity] if frees else set())

    @staticmethod
    def _values(touched: Iterable[set[Thing]]) -> dict[Entity, set[Thing]]:
        """Each entity's unique values, by every write to it."""
        found: dict[Entity, set[Thing]] = {}
        for things in touched:
            entity = next(thing for thing in things if isinstance(thing, Entity))
            found.setdefault(entity, set()).update(things)
        return found


def _spread(things: set[Thing], touched: Mapping[str, set[Thing]]) -> None:
    """Whoever shares a unique value with one of them is disputed too."""
    size = -1
    while things and len(things) != size:
        size = len(things)
        for each in touched.values():
            if each & things:
                things |= each


def _out_of_order(in_order: list[str], ended: Mapping[str, Ended]) -> Iterable[tuple[str, str]]:
    """Each direct operation with each other one that was applied on the other side of it than its version has it."""
    for place, direct in enumerate(in_order):
        if ended[direct].direct:
            at_s = ended[direct].ended_at_s
            yield from ((direct, other) for other in in_order[:place] if ended[other].ended_at_s >= at_s)
            yield from ((direct, other) for other in in_order[place + 1 :] if ended[other].ended_at_s <= at_s)
