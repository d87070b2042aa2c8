"""Uniqueness: a unique value has one holder, and what was deleted stays deleted (promise 2)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.final import Ended
from tests.promises.history import Act
from tests.promises.violation import Violation
from tests.promises.writes import Intent

#: Decisions of operators that release a letter's unique values.
_LETS_GO = ("discard", "transform")

PROMISE = "No two entities have the same unique value, and nothing comes back that was deleted, nor stays of its data."


def check(case: Case) -> Iterator[Violation]:
    """Check all rows at rest, the disputed ones included."""
    holders: dict[tuple[str, str], str] = {}
    for row in case.final.rows:
        value = row.values.get(case.limits.unique.get(row.entity.resource, ""))
        if row.visible and value is not None:
            key = (row.entity.resource, str(value).lower())
            if key in holders:
                yield Violation("doubled", f"{value} is held by {holders[key]} and {row.entity.id}", row.entity.id)
            holders[key] = row.entity.id
    for ended in case.final.ended:
        if ended.method == "DELETE" and ended.effect == "applied":
            left = case.rows.get(ended.entity)
            if left is None:
                what = f"{ended.entity.id} was deleted by {ended.operation_id} and left no trace: it may come back"
                yield Violation("resurrected", what, ended.entity.id)
            elif left.visible:
                what = f"{ended.entity.id} was deleted by {ended.operation_id} and is visible"
                yield Violation("resurrected", what, ended.entity.id)
    yield from _promised(case)
    for what in case.final.unerased:
        yield Violation("resurrected", f"personal data of something deleted is still there: {what}", what)


def _promised(case: Case) -> Iterator[Violation]:
    """Check that the unique value of a dead letter is reserved: no later write of another entity takes it while the
    letter waits. Exempt are direct writes, and letters whose own entity has since changed to another value."""
    if case.forgets or any(act.action in _LETS_GO for act in case.history.of(Act)):
        return
    wanted: dict[tuple[str, str], list[Ended]] = {}
    for id, intent in case.writes.by_operation.items():
        value = intent.values.get(case.limits.unique.get(intent.resource, ""))
        if value is not None and case.took_effect(id) and not case.writes.ended[id].direct:
            wanted.setdefault((intent.resource, str(value).lower()), []).append(case.writes.ended[id])
    for letter in case.final.letters:
        dead = case.writes.by_operation.get(letter.operation_id)
        if letter.state != "dead" or letter.edited or dead is None or dead.acknowledged is None:
            continue
        value, version = dead.values.get(case.limits.unique.get(dead.resource, "")), dead.acknowledged.version
        for ended in wanted.get((dead.resource, str(value).lower()), ()) if version else ():
            if ended.version > version and ended.entity != dead.entity and not _moved_on(case, dead, version):
                what = f"{value} is wanted by the dead letter {letter.id}, and {ended.operation_id} got it later"
                yield Violation("doubled", what, letter.operation_id)


def _moved_on(case: Case, dead: Intent, version: int) -> bool:
    """Return whether a newer write changed the unique value of the letter's entity, or deleted the entity. Then the
    letter will no longer set the value."""
    unique = case.limits.unique.get(dead.resource, "")
    return any(
        case.took_effect(id)
        and case.writes.ended[id].entity == dead.entity
        and case.writes.ended[id].version > version
        and (later.method == "DELETE" or unique in later.values)
        for id, later in case.writes.by_operation.items()
    )
