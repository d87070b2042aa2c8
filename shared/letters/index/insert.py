"""Insert: puts dead letters into the table, each once, and updates all counts in the same transaction."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.shared.letters.ids import number_of, stream_of, time_of
from holdfast.shared.letters.index import body
from holdfast.shared.letters.index.statements import WIDENED, added, counted, insert, many, moment, now, rows_with
from holdfast.shared.letters.letter import Letter
from holdfast.shared.letters.state import State
from holdfast.shared.store import epochs
from holdfast.shared.store.control import evidence
from holdfast.shared.store.engine import Engine, transaction
from holdfast.shared.writes import versions

SECONDS_PER_BUCKET = 60

_LETTER = (
    "id",
    "fingerprint",
    "state",
    "entry_id",
    "operation_id",
    "resource",
    "entity_id",
    "command",
    "version",
    "reason",
    "kind",
    "code",
    "error",
    "frame",
    "dead_at",
    "writer",
    "build",
    "attempts",
    "size_bytes",
    "imported",
    "edit",
    "indexed_at",
    "state_at",
)
_INSERT_LETTER = insert("dead_letters", _LETTER)
_COUNTS = (*State, "entities", "imported", "purged")
#: The columns of a group that come from its newest letter.
_ALIKE = ("fingerprint", "reason", "kind", "code", "command", "frame", "error")
_GROUP = (*_ALIKE, "first_id", "last_id", *_COUNTS)
#: Creates or locks the groups first, so that two transactions that index the same letters or entities run one after the
#: other.
_MEET_GROUP = insert("dead_letter_groups", _GROUP, on_clash=f"{WIDENED}, error = VALUES(error)")
_COUNT_GROUP = (
    "UPDATE dead_letter_groups SET dead = dead + %s, imported = imported + %s, entities = entities + %s"
    " WHERE fingerprint = %s"
)
_COUNT_BUILD = insert(
    "dead_letter_builds",
    ("fingerprint", "build", "letters", "first_id", "last_id"),
    on_clash=f"{added(['letters'])}, {WIDENED}",
)
_COUNT_TREND = insert("dead_letter_trend", ("bucket", "fingerprint", "letters"), on_clash=added(["letters"]))
_KNOWN = "SELECT id FROM dead_letters WHERE id IN ({})"
_KNOWN_ENTRIES = "SELECT entry_id, id FROM dead_letters WHERE imported = 0 AND entry_id IN ({})"
_KNOWN_ENTITIES = "SELECT DISTINCT entity_id, fingerprint FROM dead_letters WHERE entity_id IN ({})"


def index(engine: Engine, letters: Sequence[Letter]) -> int:
    """Insert the letters that are new. Return how many there were. Raises a Fault, and then no letter is inserted."""
    with evidence(engine), transaction(engine) as connection:
        return add(connection, letters, imported=False)


def add(connection: sa.Connection, letters: Sequence[Letter], *, imported: bool) -> int:
    """Insert the letters that are new in the caller's transaction. Return how many there were. `imported`: none of the
    letters belongs to an entry of this write stream."""
    if not letters:
        return 0
    newest = sorted(letters, key=lambda letter: letter.number)
    groups = {letter.fingerprint: letter for letter in newest}
    many(connection, _MEET_GROUP, [_group(groups[name], newest) for name in sorted(groups)])
    known = {number for (number,) in rows_with(connection, _KNOWN, (letter.number for letter in newest))}
    fresh = list({letter.number: letter for letter in newest if letter.number not in known}.values())
    if not fresh:
        return 0
    entities = {(letter.entity_id, letter.fingerprint) for letter in fresh if letter.entity_id}
    entities -= {tuple(row) for row in rows_with(connection, _KNOWN_ENTITIES, {id for id, _ in entities})}
    indexed_at = now()
    foreign = {letter.number for letter in fresh} if imported else _foreign(connection, fresh)
    many(connection, _INSERT_LETTER, [_row(letter, letter.number in foreign, indexed_at) for letter in fresh])
    body.write(connection, fresh)
    _count(connection, fresh, counted(fingerprint for _, fingerprint in entities), foreign)
    return len(fresh)


def _foreign(connection: sa.Connection, fresh: Sequence[Letter]) -> set[int]:
    """Return the numbers of letters that were put on the dead-letter stream by hand. `fresh` is in order.

    Such a letter names no entry, or an entry for which this epoch has another letter, because an entry is dead-lettered
    only once. Letters of earlier epochs do not matter: an entry that a failover brought back after it was dead-lettered
    was counted again when the epoch began, as a write in flight.
    """
    named = [letter.entry_id for letter in fresh if letter.names_an_entry]
    since = number_of(versions.to_stream_id(epochs.broke_at(connection)))
    known = rows_with(connection, _KNOWN_ENTRIES, named)
    taken = {(stream_of(number), entry_id) for entry_id, number in known if number >= since}
    foreign: set[int] = set()
    for letter in fresh:
        entry = stream_of(letter.number), letter.entry_id
        if not letter.names_an_entry or entry in taken:
            foreign.add(letter.number)
        taken.add(entry)
    return foreign


def _count(connection: sa.Connection, fresh: Sequence[Letter], entities: Any, foreign: set[int]) -> None:
    per_group = counted(letter.fingerprint for letter in fresh)
    brought = counted(letter.fingerprint for letter in fresh if letter.number in foreign)
    for name, count in per_group.items():
        connection.exec_driver_sql(_COUNT_GROUP, (count, brought.get(name, 0), entities.get(name, 0), name))
    builds = counted((letter.fingerprint, letter.build) for letter in fresh)
    many(connection, _COUNT_BUILD, [(*key, count, *_span(fresh, key)) for key, count in builds.items()])
    buckets = counted((int(time_of(one.number).timestamp()) // SECONDS_PER_BUCKET, one.fingerprint) for one in fresh)
    many(connection, _COUNT_TREND, [(*key, count) for key, count in buckets.items()])


def _span(letters: Sequence[Letter], key: tuple[str, str]) -> tuple[int, int]:
    """Return the first and the last number of the letters of a group and a build. `letters` are in order."""
    numbers = [letter.number for letter in letters if (letter.fingerprint, letter.build) == key]
    return numbers[0], numbers[-1]


def _group(newest: Letter, letters: Sequence[Letter]) -> tuple[Any, ...]:
    """Return the row of a group in the order of `_GROUP`, with all counts at 0."""
    first = next(letter.number for letter in letters if letter.fingerprint == newest.fingerprint)
    return (*(getattr(newest, name) for name in _ALIKE), first, newest.number, *[0 for _ in _COUNTS])


def _row(letter: Letter, imported: bool, indexed_at: str) -> tuple[Any, ...]:
    """Return the row of a letter in the order of `_LETTER`."""
    own = {
        "id": letter.number,
        "state": State.DEAD,
        "dead_at": moment(letter.dead_at),
        "attempts": len(letter.attempts),
        "imported": int(imported),
        "edit": 0,
        "indexed_at": indexed_at,
        "state_at": indexed_at,
    }
    return tuple(own[name] if name in own else getattr(letter, name) for name in _LETTER)
