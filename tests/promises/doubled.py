"""Doubled: every acknowledged write takes effect exactly once (promise 2)."""

from collections import Counter
from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.violation import Violation

PROMISE = "Every acknowledged write takes effect once, whatever is repeated, delivered again or replayed."


def check(case: Case) -> Iterator[Violation]:
    """Check that each write has one operation, one version and one entity, and is in one place."""
    yield from _several_operations(case)
    yield from _several_writes(case)
    yield from _several_homes(case)
    yield from _from_nowhere(case)


def _several_operations(case: Case) -> Iterator[Violation]:
    for intent in case.writes.intents:
        operations = {answer.operation_id for answer in intent.answers}
        entities = {answer.entity_id for answer in intent.answers}
        if len(operations) > 1 or len(entities) > 1:
            what = f"one write was answered as operations {sorted(operations)} of {sorted(entities)}"
            yield Violation("doubled", f"{intent.key}: {what}", intent.key)
        if any(case.excused(answer) for answer in intent.answers):
            continue  # the queue lost the first write, so it accepted another
        if case.a_try_was_forgotten(intent):
            continue  # the first try was applied, and the queue lost it before it was acknowledged
        versions = {answer.version for answer in intent.answers if answer.version}
        for operation_id in operations & case.writes.ended.keys():
            ended = case.writes.ended[operation_id]
            if len(versions) > 1 or (versions and not ended.direct and ended.version not in versions):
                what = f"accepted with version {sorted(versions)}, applied with {ended.version}"
                yield Violation("doubled", f"{operation_id}: {what}", operation_id)


def _several_writes(case: Case) -> Iterator[Violation]:
    """Check that no operation was given to two writes. Skipped if the queue lost data: it then accepts another request
    under a lost key, whose operation has the same id."""
    first: dict[str, str] = {}
    for intent in () if case.forgets else case.writes.intents:
        for operation_id in {answer.operation_id for answer in intent.answers}:
            sent = f"{intent.method} {dict(intent.values)}"
            if operation_id in first:
                what = f"two writes were answered as one: {first[operation_id]}, and {sent}"
                yield Violation("doubled", f"{operation_id}: {what}", operation_id)
            first[operation_id] = sent


def _several_homes(case: Case) -> Iterator[Violation]:
    for operation_id, count in Counter(ended.operation_id for ended in case.final.ended).items():
        if count > 1:
            yield Violation("doubled", f"{operation_id} ended {count} times", operation_id)
    if case.forgets:
        return  # a queue restored to an earlier state has entries that had died: each dies again, with a second letter
    for operation_id, letters in case.letters.items():
        alive = [letter.id for letter in letters if letter.open]
        if operation_id and len(alive) > 1:
            yield Violation("doubled", f"{operation_id} is {len(alive)} open dead letters: {alive}", operation_id)
        if operation_id and alive and operation_id in case.writes.ended:
            effect = case.writes.ended[operation_id].effect
            yield Violation("double-homed", f"{operation_id} is {effect} and the dead letter {alive[0]}", operation_id)


def _from_nowhere(case: Case) -> Iterator[Violation]:
    """Check that every unnamed operation is explained by a write without a usable answer, each of which explains at
    most one."""
    open_ones = {id(intent) for intent in case.writes.intents if not intent.answers}
    for ended in sorted(case.writes.unexplained, key=lambda ended: ended.version):
        explaining = [intent for intent in case.writes.candidates(ended) if id(intent) in open_ones]
        if not explaining:
            what = f"{ended.method} of {ended.entity.resource} {ended.entity.id} ended {ended.effect}"
            yield Violation("doubled", f"{ended.operation_id}: {what}, and no client sent it", ended.operation_id)
            continue
        open_ones.discard(id(min(explaining, key=lambda intent: len(intent.operation_ids))))
