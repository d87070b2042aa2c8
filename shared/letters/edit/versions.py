"""Edits: the versions of a letter's fields. The original never changes. Each edit is a separate row, and a revert is
one more edit, which names the edit that it goes back to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson
import sqlalchemy as sa

from holdfast.shared.errors import EditInvalid, EditNotFound, EditOutdated, LetterBusy, LetterNotFound
from holdfast.shared.letters.audit.entries import Actor, AuditAction, record
from holdfast.shared.letters.bytes_json import fields_from_json, fields_to_json
from holdfast.shared.letters.edit.document import Edited, EditRefused
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.index import body
from holdfast.shared.letters.index.statements import from_row, insert, many, now, places, rows_with
from holdfast.shared.letters.index.tables import edits
from holdfast.shared.letters.state import State
from holdfast.shared.runtime.documents import WorkBudget
from holdfast.shared.runtime.parts import parts_of
from holdfast.shared.store.engine import Engine, reading, transaction

_INSERT = insert(
    "dead_letter_edits", ("letter_id", "number", "fields", "author", "reason", "at", "transform_id", "reverts")
)
_PAGE_MAX = 1000
PAGE_MAX_BYTES = 16 * 2**20
_SIZES = (
    "SELECT l.id, l.size_bytes + COALESCE(LENGTH(e.fields), 0) AS bytes FROM dead_letters l"
    " LEFT JOIN dead_letter_edits e ON e.letter_id = l.id AND e.number = l.edit WHERE l.id IN ({})"
)
_STANDING = "SELECT id, state, entry_id, edit FROM dead_letters WHERE id IN ({})"
_IN_FORCE = (
    "SELECT e.letter_id, e.fields FROM dead_letter_edits e JOIN dead_letters l ON l.id = e.letter_id"
    " AND l.edit = e.number WHERE e.letter_id IN ({})"
)

#: An operator's change: takes the fields of an entry, the entry's id and the budget; returns None if nothing changes.
#: Raises EditRefused, OverBudget.
Change = Callable[[Mapping[bytes, bytes], str, WorkBudget], Edited | None]


@dataclass(frozen=True, slots=True)
class Current:
    """A letter's fields as a replay would send them."""

    number: int
    state: State
    entry_id: str
    #: The number of the edit in force; 0: the original.
    edit: int
    original: Mapping[bytes, bytes]
    fields: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Version:
    """An edit to write. `number`: the letter's; `edit`: the edit's; `reverts`: the edit that it goes back to, if it is
    a revert."""

    number: int
    edit: int
    fields: Mapping[bytes, bytes]
    reverts: int | None = None


def current(connection: sa.Connection, numbers: Iterable[int], *, lock: bool = False) -> dict[int, Current]:
    """Return the current fields by letter. Letters that do not exist are left out. `lock`: lock the letters' rows."""
    rows = rows_with(connection, _STANDING + (" FOR UPDATE" if lock else ""), numbers)
    bodies = body.load(connection, [row.id for row in rows])
    changes = rows_with(connection, _IN_FORCE, [row.id for row in rows if row.edit])
    changed = {number: fields_from_json(orjson.loads(fields)) for number, fields in changes}
    return {
        row.id: from_row(
            Current,
            row,
            number=row.id,
            state=State(row.state),
            original=bodies[row.id].original,
            fields=changed.get(row.id, bodies[row.id].original),
        )
        for row in rows
        if row.id in bodies  # retention may have removed the letter meanwhile
    }


def back_at_original(engine: Engine, numbers: Iterable[int]) -> set[int]:
    """Return the letters that were edited and whose edit in force is a revert to the original. Raises a Fault."""
    with reading(engine) as connection:
        return {row.letter_id for row in rows_with(connection, _IN_FORCE + " AND e.reverts = 0", numbers)}


def pages(connection: sa.Connection, numbers: Sequence[int]) -> list[list[int]]:
    """Split letters into pages, in order. Each page is small enough to be held in memory with all its fields, those of
    the edits in force included."""
    sizes = {row.id: row.bytes for row in rows_with(connection, _SIZES, numbers)}
    least = PAGE_MAX_BYTES // _PAGE_MAX
    return list(parts_of(numbers, PAGE_MAX_BYTES, lambda number: max(sizes.get(number, 0), least)))


def pages_of(engine: Engine, numbers: Sequence[int]) -> list[list[int]]:
    """Split letters into pages as `pages` does, on a connection of its own. Raises a Fault."""
    with reading(engine) as connection:
        return pages(connection, numbers)


def look(engine: Engine, numbers: Iterable[int]) -> dict[int, Current]:
    """Return the current fields by letter as `current` does, on a connection of its own. Raises a Fault."""
    with reading(engine) as connection:
        return current(connection, numbers)


def edit(
    engine: Engine, number: int, change: Change, actor: Actor, *, dry_run: bool, expected: int | None = None
) -> tuple[Current, Edited | None]:
    """Edit a letter and put the edit in force. Return the letter before, and the edited fields or None if nothing
    changes. `dry_run`: write nothing; `expected`: the edit that the caller expects to be in force (0: the original), or
    None. Raises LetterNotFound, LetterBusy, EditOutdated, EditInvalid, OverBudget, or a Fault."""
    with transaction(engine) as connection:
        before = _editable(connection, number)
        try:
            after = change(before.fields, before.entry_id, WorkBudget())
        except EditRefused as refused:
            raise EditInvalid(details={"why": str(refused)}) from None
        if after is not None:
            _check_edit(before, after.fields, expected)
        if after is not None and not dry_run:
            made = next_number(connection, number)
            write(connection, [Version(number, made, after.fields)], actor)
            record(connection, actor, AuditAction.EDIT, [number], details={"from": before.edit, "edit": made})
        return before, after


def revert(
    engine: Engine, number: int, to: int, actor: Actor, *, dry_run: bool = False, expected: int | None = None
) -> tuple[int, Mapping[bytes, bytes]]:
    """Go back to edit `to`, or to the original (0). Return the number of the new edit, and its fields. `dry_run`,
    `expected`: as in `edit`. Raises LetterNotFound, LetterBusy, EditOutdated, EditNotFound, or a Fault."""
    with transaction(engine) as connection:
        before = _editable(connection, number)
        fields = before.original if to == 0 else versions_of(connection, [(number, to)]).get((number, to))
        if fields is None:
            raise EditNotFound(details={"edit": to})
        _check_edit(before, fields, expected)
        made = next_number(connection, number)
        if dry_run:
            return made, fields
        write(connection, [Version(number, made, fields, reverts=to)], actor)
        record(connection, actor, AuditAction.REVERT, [number], details={"from": before.edit, "to": to, "edit": made})
        return made, fields


def _editable(connection: sa.Connection, number: int) -> Current:
    before = current(connection, [number], lock=True).get(number)
    if before is None:
        raise LetterNotFound(details={"id": id_of(number)})
    if before.state is not State.DEAD:
        raise LetterBusy(details={"why": f"it is {before.state}"})
    return before


def _check_edit(before: Current, after: Mapping[bytes, bytes], expected: int | None) -> None:
    """Check that the expected edit is in force, unless the fields stay the same, as in a form that is sent twice.
    Raises EditOutdated."""
    if expected not in (None, before.edit) and after != before.fields:
        raise EditOutdated(details={"expected_edit": expected, "actual_edit": before.edit})


def next_number(connection: sa.Connection, number: int) -> int:
    """Return the number of a letter's next edit. The caller has locked the letter."""
    newest = sa.select(sa.func.coalesce(sa.func.max(edits.c.number), 0)).where(edits.c.letter_id == number)
    return int(connection.execute(newest).scalar_one()) + 1


def versions_of(
    connection: sa.Connection, wanted: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], Mapping[bytes, bytes]]:
    """Return (letter, number of the edit) -> fields, for those of `wanted` that exist."""
    pairs = set(wanted)
    query = "SELECT letter_id, number, fields FROM dead_letter_edits WHERE letter_id IN ({})"
    return {
        (row.letter_id, row.number): fields_from_json(orjson.loads(row.fields))
        for row in rows_with(connection, query, {number for number, _ in pairs})
        if (row.letter_id, row.number) in pairs
    }


def _roots(connection: sa.Connection, numbers: Iterable[int]) -> dict[tuple[int, int], int]:
    """Return (letter, number of an edit that is a revert) -> the edit that it goes back to."""
    query = "SELECT letter_id, number, reverts FROM dead_letter_edits WHERE reverts IS NOT NULL AND letter_id IN ({})"
    return {(row.letter_id, row.number): row.reverts for row in rows_with(connection, query, numbers)}


def write(connection: sa.Connection, made: Sequence[Version], actor: Actor, transform_id: int | None = None) -> None:
    """Write edits and put them in force. The caller has locked the letters.

    A revert to an edit that is itself a revert is recorded with the target of that one, so that the original is
    recognised however often a letter was edited and reverted.
    """
    written_at = now()
    roots = _roots(connection, {one.number for one in made if one.reverts})
    rows = (
        (
            one.number,
            one.edit,
            orjson.dumps(fields_to_json(one.fields)),
            actor.name,
            actor.reason,
            written_at,
            transform_id,
            None if one.reverts is None else roots.get((one.number, one.reverts), one.reverts),
        )
        for one in made
    )
    many(connection, _INSERT, rows)
    by_edit: dict[int, list[int]] = {}
    for one in made:
        by_edit.setdefault(one.edit, []).append(one.number)
    for edit, numbers in by_edit.items():
        set_edit = f"UPDATE dead_letters SET edit = %s WHERE id IN ({places(numbers)})"  # noqa: S608 - placeholders only
        connection.exec_driver_sql(set_edit, (edit, *numbers))
