"""Ids: a dead letter is known by the id of its entry on the dead-letter stream; in a table that is one number."""

import re
from datetime import UTC, datetime

#: Entries that one millisecond has room for.
_ROOM = 1_000_000
#: Of the first of two partitions.
_FIRST_STREAM = 200
NUMBER_MAX = 2**63 - 1
_FORM = re.compile(r"(\d{1,13})-(\d{1,6})")


def number_of(letter_id: str) -> int:
    """`"1764000000123-4"` -> `1764000000123000004`. Raises ValueError."""
    match = _FORM.fullmatch(letter_id)
    if match is None or not letter_id.isascii():
        raise ValueError("not the id of a dead letter")
    number = int(match[1]) * _ROOM + int(match[2])
    if number > NUMBER_MAX:
        raise ValueError("not the id of a dead letter")
    return number


def number_or_none(letter_id: str) -> int | None:
    """The same; None for an id that no stream gives by itself."""
    try:
        return number_of(letter_id)
    except ValueError:
        return None


def id_of(number: int) -> str:
    """`1764000000123000004` -> `"1764000000123-4"`."""
    return f"{number // _ROOM}-{number % _ROOM}"


def stream_of(number: int) -> int:
    """Which of the dead-letter streams a letter came from; 0: the only one, however many letters a millisecond had
    there. The queue's partitions have ids of their own (settle.lua)."""
    stream = number % _ROOM // 100
    return stream if stream >= _FIRST_STREAM else 0


def first_number(moment: datetime) -> int:
    """The least number of the millisecond that `moment`, which knows its time zone, is in."""
    return int(moment.timestamp() * 1000) * _ROOM


def time_of(number: int) -> datetime:
    """When the entry was put on the stream, in UTC, by Redis' clock."""
    return datetime.fromtimestamp(number // _ROOM / 1000, UTC)
