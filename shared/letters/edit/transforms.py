"""Transforms: applies one change to every letter of a selection. A preview shows the whole result beforehand, and the
change is made as a whole and reverted as a whole."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from holdfast.shared.errors import SelectionTooLarge, TransformNotFound
from holdfast.shared.letters.audit.entries import Actor, AuditAction, record
from holdfast.shared.letters.decide.allowance import Rules, lock, use
from holdfast.shared.letters.decide.change import check_count, resolve
from holdfast.shared.letters.edit import versions as edits
from holdfast.shared.letters.edit.document import EditRefused
from holdfast.shared.letters.edit.versions import Change, Current, Version
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.index.statements import insert, json, now, rows_with
from holdfast.shared.letters.index.tables import edits as edits_table
from holdfast.shared.letters.index.tables import letters, transforms
from holdfast.shared.letters.state import State
from holdfast.shared.letters.what_if.prediction import Prediction
from holdfast.shared.letters.what_if.trial import what_if
from holdfast.shared.runtime.documents import WorkBudget
from holdfast.shared.runtime.parts import parts_of
from holdfast.shared.store.engine import Engine, reading, transaction

_SHOWN = 20
_REASONS_MAX = 50
_NEWEST = "SELECT letter_id, MAX(number) AS number FROM dead_letter_edits WHERE letter_id IN ({}) GROUP BY letter_id"
_INSERT = insert("dead_letter_transforms", ("at", "author", "reason", "selection", "patch", "letters", "counts"))


@dataclass(slots=True)
class Worked:
    """The result of a change. `refused`: reason -> number of letters."""

    letters: int = 0
    edited: int = 0
    unchanged: int = 0
    #: The id of the audit entry, once the change is made.
    audit_id: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    #: In a preview: verdict on the changed letters, if they were replayed -> number of letters.
    verdicts: Counter[Prediction] = field(default_factory=Counter)
    #: The common budget for the letters' documents.
    work: WorkBudget = field(default_factory=WorkBudget)
    #: The first few changed letters: before, after.
    sample: list[tuple[Current, Mapping[bytes, bytes]]] = field(default_factory=list)

    def counts(self) -> dict[str, Any]:
        """Return the counts for the audit."""
        names = ("letters", "edited", "unchanged", "refused")
        return {name: getattr(self, name) for name in names}


def preview(engine: Engine, selection: Selection, change: Change, *, most: int) -> Worked:
    """Return what the change would do to every letter, and the verdicts on a replay afterwards. Nothing is changed.
    Raises SelectionTooLarge, OverBudget, or a Fault."""
    worked = Worked()
    with reading(engine) as connection:
        numbers = resolve(connection, selection, {State.DEAD}, most=most, lock=False).numbers
    for page in edits.pages_of(engine, numbers):
        for part in _changed(edits.look(engine, page), change, worked):
            sent = {one.number: one.fields for one in part}
            worked.verdicts.update(each.verdict for each in what_if(engine, sent).values())
    return worked


def make(
    engine: Engine,
    selection: Selection,
    change: Change,
    patch: Any,
    actor: Actor,
    *,
    expected: int,
    most: int,
    rules: Rules | None = None,
) -> tuple[int, Worked]:
    """Make the change in one transaction. Return the transform's id and the result. `expected`: the number of letters
    that the caller expects; `rules`: the rules of the actor's allowance, if there is one. Raises CountMismatch,
    SelectionTooLarge, AllowanceUsedUp, OverBudget, or a Fault."""
    worked = Worked()
    with transaction(engine) as connection:
        use(lock(connection, actor.name, rules) if rules else None, expected)
        numbers = resolve(connection, selection, {State.DEAD}, most=most, lock=True).numbers
        check_count(expected, len(numbers))
        row = (now(), actor.name, actor.reason, json(selection.to_json()), json(patch), len(numbers), "{}")
        transform_id = int(connection.exec_driver_sql(_INSERT, row).lastrowid)
        touched: list[int] = []
        for page in edits.pages(connection, numbers):
            found = edits.current(connection, page)
            newest = _newest(connection, page)
            for part in _changed(found, change, worked):
                made = [
                    Version(one.number, newest.get(one.number, 0) + 1, one.fields)
                    for one in part
                    if one.fields is not found[one.number].fields
                ]
                edits.write(connection, made, actor, transform_id)
                touched += [one.number for one in made]
        counts = worked.counts()
        connection.execute(sa.update(transforms).where(transforms.c.id == transform_id).values(counts=json(counts)))
        details = {"transform": transform_id, "patch": patch} | counts
        of = selection.to_json()
        worked.audit_id = record(connection, actor, AuditAction.TRANSFORM, touched, selection=of, details=details)
        return transform_id, worked


def revert(engine: Engine, transform_id: int, actor: Actor, *, expected: int | None, most: int) -> tuple[int, int, int]:
    """Revert a transform: each letter on which its edit is still in force goes back to its state before.

    Return how many letters are reverted, how many other letters the transform edited, which are left, and the id of the
    audit entry (0: none). `expected`: the number that the caller expects to be reverted; None: only look. Raises
    TransformNotFound, CountMismatch, SelectionTooLarge, or a Fault.
    """
    with transaction(engine) as connection:
        if connection.execute(sa.select(transforms.c.id).where(transforms.c.id == transform_id)).first() is None:
            raise TransformNotFound(details={"id": transform_id})
        query = (
            sa.select(letters.c.id, letters.c.state, letters.c.edit, edits_table.c.number)
            .join(edits_table, edits_table.c.letter_id == letters.c.id)
            .where(edits_table.c.transform_id == transform_id)
            .order_by(letters.c.id)
            .limit(most + 1)
        )
        rows = connection.execute(query if expected is None else query.with_for_update()).all()
        if len(rows) > most:
            raise SelectionTooLarge(details={"most": most})
        ours = {row.id: row.number for row in rows if row.edit == row.number and row.state == State.DEAD}
        left = len(rows) - len(ours)
        if expected is None:
            return len(ours), left, 0
        check_count(expected, len(ours))
        numbers = sorted(ours)
        for page in edits.pages(connection, numbers):
            _take_back(connection, {number: ours[number] for number in page}, actor)
        details = {"transform": transform_id, "left": left}
        audit_id = record(connection, actor, AuditAction.REVERT, numbers, details=details)
        return len(numbers), left, audit_id


def _take_back(connection: sa.Connection, ours: Mapping[int, int], actor: Actor) -> None:
    """Revert edits to those before them. `ours`: letter -> number of the edit to revert."""
    found = edits.current(connection, ours)
    before = edits.versions_of(connection, [(number, edit - 1) for number, edit in ours.items()])
    made = [
        Version(number, edit + 1, before.get((number, edit - 1), found[number].original), reverts=edit - 1)
        for number, edit in ours.items()
    ]
    edits.write(connection, made, actor)


def _changed(found: Mapping[int, Current], change: Change, worked: Worked) -> Iterator[list[Version]]:
    """Return the letters after the change, in parts small enough to be held in memory, and count them in `worked`. A
    letter that the change does not edit has the fields that it had."""
    after = (Version(number, 0, _after(one, change, worked)) for number, one in sorted(found.items()))
    return parts_of(after, edits.PAGE_MAX_BYTES, lambda version: sum(map(len, version.fields.values())))


def _after(one: Current, change: Change, worked: Worked) -> Mapping[bytes, bytes]:
    """Return the fields of a letter after the change."""
    worked.letters += 1
    try:
        after = change(one.fields, one.entry_id, worked.work)
    except EditRefused as error:
        why = str(error)
        known = why in worked.refused or len(worked.refused) < _REASONS_MAX
        worked.refused[why if known else "other reasons"] += 1
        return one.fields
    if after is None:
        worked.unchanged += 1
        return one.fields
    worked.edited += 1
    if len(worked.sample) < _SHOWN:
        worked.sample.append((one, after.fields))
    return after.fields


def _newest(connection: sa.Connection, numbers: list[int]) -> dict[int, int]:
    return {row.letter_id: row.number for row in rows_with(connection, _NEWEST, numbers)}
