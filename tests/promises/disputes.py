"""Disputes: where the order of acceptance is not defined.

While the queue is down, a write goes directly to the database. It overtakes earlier writes that are still queued, and
may commit after later ones, because its version is assigned before its transaction. Between a direct write and another
write of the same entity or unique value, the order is that of their commits, not that of their versions.

The order is also undefined for an operation that no answer named, and between two operations with the same version: a
queue that lost its last moments may assign a version again. If an entry with an id in the future was put on one of
several partitions, that partition assigns versions from the future. Its writes and later writes of other partitions
about the same unique value are then not ordered by version.

Whatever such writes touch, directly or through others, is counted and not compared with the sequential model.
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
    """The operations and entities that are not compared with the sequential model."""

    #: Number of pairs of a direct write and another write that were not applied in the order of their versions.
    pairs: int = 0
    operations: set[str] = field(default_factory=set)
    entities: set[Entity] = field(default_factory=set)


class Disputes:
    """Finds the disputed writes of one run. `unique`: the unique field of each resource; `forgets`: whether the queue
    was made to lose data; `ahead`: whether the clock of one of its partitions may be ahead of the others."""

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
        """Everything that is disputed, with all consequences."""
        writes = self._writes
        in_order = sorted(writes.by_operation.keys() & writes.ended.keys(), key=lambda id: writes.ended[id].version)
        touched = {id: self._touched(writes.by_operation[id], writes.ended[id]) for id in in_order}
        found = Disputed()
        things: set[Thing] = set(self._of_unexplained())
        # Later writes overtook a dead letter, and it takes its place among them when it is replayed.
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
        """Yield each operation with every operation of another entity that was sent after its acknowledgement and has
        an older version."""
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
        """Return what the write touched, with the former values of its entity that it may have released."""
        intent, entity = self._writes.by_operation[id], self._writes.ended[id].entity
        frees = intent.method == "DELETE" or self._unique.get(intent.resource, "") in intent.values
        return touched[id] | (values[entity] if frees else set())

    @staticmethod
    def _values(touched: Iterable[set[Thing]]) -> dict[Entity, set[Thing]]:
        """Return the unique values that any write gave to each entity."""
        found: dict[Entity, set[Thing]] = {}
        for things in touched:
            entity = next(thing for thing in things if isinstance(thing, Entity))
            found.setdefault(entity, set()).update(things)
        return found


def _spread(things: set[Thing], touched: Mapping[str, set[Thing]]) -> None:
    """Extend `things` by every entity and value that shares a unique value with one of them."""
    size = -1
    while things and len(things) != size:
        size = len(things)
        for each in touched.values():
            if each & things:
                things |= each


def _out_of_order(in_order: list[str], ended: Mapping[str, Ended]) -> Iterable[tuple[str, str]]:
    """Yield each direct operation with every operation that was applied before it with a newer version, or after it
    with an older one."""
    for place, direct in enumerate(in_order):
        if ended[direct].direct:
            at_s = ended[direct].ended_at_s
            yield from ((direct, other) for other in in_order[:place] if ended[other].ended_at_s >= at_s)
            yield from ((direct, other) for other in in_order[place + 1 :] if ended[other].ended_at_s <= at_s)
