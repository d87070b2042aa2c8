"""Newest: an older write never overwrites what a newer one has set (promise 2)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.final import Ended, Entity, Row
from tests.promises.violation import Violation
from tests.promises.writes import Intent

PROMISE = "Each field has the value of the newest write that took effect, in whatever order writes were applied."


def check(case: Case) -> Iterator[Violation]:
    """Check that each field has the value of the newest effective write, also where the order of acceptance is
    disputed: a write that is applied late takes its place by its version."""
    unknown = {ended.entity for ended in case.final.ended if ended.operation_id not in case.writes.by_operation}
    for entity, writes in _effective(case).items():
        if not case.forgets:
            yield from _backwards(writes)
        row = case.rows.get(entity)
        if row is None or not row.visible or entity in unknown:
            continue
        yield from _fields(case, row, sorted(writes, key=lambda write: write[0].version))


def _backwards(writes: list[tuple[Ended, Intent]]) -> Iterator[Violation]:
    """Check that a write which is sent after the acknowledgement of another has a newer version, whatever any clock
    says. Direct writes are exempt: their order is that of their commits."""
    queued = [write for write in writes if not write[0].direct]
    for later, intent in queued:
        sent_s = intent.attempts[0].sent.at_s
        for ended, earlier in queued:
            answer = earlier.acknowledged
            if answer and answer.at_s < sent_s and ended.version > later.version:
                what = f"{later.operation_id} has {later.version}, and was sent after {ended.operation_id}"
                yield Violation("inverted", f"{later.entity.id}: {what} was acknowledged at {ended.version}")


def _effective(case: Case) -> dict[Entity, list[tuple[Ended, Intent]]]:
    found: dict[Entity, list[tuple[Ended, Intent]]] = {}
    for id, intent in case.writes.by_operation.items():
        if case.took_effect(id):
            ended = case.writes.ended[id]
            found.setdefault(ended.entity, []).append((ended, intent))
    return found


def _fields(case: Case, row: Row, writes: list[tuple[Ended, Intent]]) -> Iterator[Violation]:
    for name, value in row.values.items():
        setting = [(ended, intent.values[name]) for ended, intent in writes if name in intent.values]
        newest = setting[-1][0] if setting else None
        # An operator may have edited a dead letter, and a queue that lost data may have assigned a version twice.
        if newest is None or newest.operation_id in case.letters or case.forgets:
            continue
        if value != setting[-1][1]:
            what = f"{name} is {value!r}, and {newest.operation_id} set {setting[-1][1]!r} at {newest.version}"
            yield Violation("inverted", f"{row.entity.resource} {row.entity.id}: {what}", row.entity.id)
