"""Order: the state at rest is the one that the order of acceptance gives (promise 2)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.final import Entity
from tests.promises.sequential_model import APPLIED, NOT_FOUND, SequentialModel, same_end
from tests.promises.violation import Violation

PROMISE = "Entities and statuses end as if accepted writes had been applied one by one, in the order of acceptance."
#: Codes of rejections that do not depend on the entity's state, which the sequential model cannot predict.
_OUTSIDE = ("IDEMPOTENCY_KEY_REUSED", "WRITE_EXPIRED")


def check(case: Case) -> Iterator[Violation]:
    """Compare entities and operations with a sequential model, except the disputed ones."""
    models: dict[str, SequentialModel] = {}
    writes = case.writes
    known = [id for id in writes.by_operation if id in writes.ended and writes.ended[id].code not in _OUTSIDE]
    known = [id for id in known if not _found_nothing(case, id)]
    for id in sorted(known, key=lambda id: writes.ended[id].version):
        resource = writes.ended[id].entity.resource
        unique = case.limits.unique.get(resource, "")
        models.setdefault(resource, SequentialModel(unique)).take(writes.by_operation[id].accepted(writes.ended[id]))
    for resource, model in models.items():
        yield from _ends(case, model)
        yield from _entities(case, resource, model)


def _ends(case: Case, model: SequentialModel) -> Iterator[Violation]:
    for id, expected in model.status.items():
        ended = case.writes.ended[id]
        found = ended.code or ended.effect
        if id not in case.disputed.operations and not same_end(found, expected) and not _met_a_forgotten(case, id):
            what = f"{ended.method} at {ended.version} ended {found}, in order it is {expected}"
            yield Violation("inverted", f"{id}: {what}", id)


def _met_a_forgotten(case: Case, id: str) -> bool:
    """Return whether the operation is one of two writes to an entity of which the later ended first because the queue
    had lost the earlier, or a try of it. Only the writer that had the earlier write in hand knew of it, so nothing
    made the later one wait."""
    one = case.writes.ended[id]
    others = (other for other in case.writes.ended.values() if other.entity == one.entity and other is not one)
    pairs = ((one, other) if one.version < other.version else (other, one) for other in others)
    return any(
        earlier.ended_at_s >= later.ended_at_s and _was_forgotten(case, earlier.operation_id)
        for earlier, later in pairs
    )


def _found_nothing(case: Case, id: str) -> bool:
    """Return whether the operation was rejected because its entity did not exist yet: the queue had lost the create,
    which a writer had in hand. Such an operation has no effect, whatever precedes it in order."""
    return case.writes.ended[id].code.endswith(NOT_FOUND) and _met_a_forgotten(case, id)


def _was_forgotten(case: Case, operation_id: str) -> bool:
    intent = case.writes.by_operation.get(operation_id)
    return case.forgotten(operation_id) or (intent is not None and case.a_try_was_forgotten(intent))


def _entities(case: Case, resource: str, model: SequentialModel) -> Iterator[Violation]:
    expected = model.visible()
    found = {entity.id: row for entity, row in case.rows.items() if entity.resource == resource and row.visible}
    disputed = {entity.id for entity in case.disputed.entities if entity.resource == resource}
    ours = {case.writes.ended[id].entity.id for id in case.writes.by_operation.keys() & case.writes.ended.keys()}
    ours |= {intent.entity_id for intent in case.writes.intents if intent.resource == resource}
    for id in sorted((expected.keys() | (found.keys() & ours)) - disputed):
        row, wanted = found.get(id), expected.get(id)
        seen = (dict(row.values), row.version) if row else None
        if seen != wanted:
            kind = "resurrected" if wanted is None and _was_deleted(case, resource, id) else "inverted"
            yield Violation(kind, f"{resource} {id} is {seen}, in order it is {wanted}", id)


def _was_deleted(case: Case, resource: str, id: str) -> bool:
    return any(
        ended.entity == Entity(resource, id) and ended.method == "DELETE" and ended.effect == APPLIED
        for ended in case.final.ended
    )
