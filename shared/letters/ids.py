"""Ids: a dead letter is identified by the id of its entry on the dead-letter stream. In tables this is one number."""

import re
from datetime import UTC, datetime

#: Most entries of one millisecond.
_ROOM = 1_000_000
#: The stream number of the first of two partitions, which is the smallest.
_FIRST_STREAM = 200
NUMBER_MAX = 2**63 - 1
_FORM = re.compile(r"(\d{1,13})-(\d{1,6})")


def number_of(letter_id: str) -> int:
    """Return the number of a letter's id: `"1764000000123-4"` -> `1764000000123000004`. Raises ValueError."""
    match = _FORM.fullmatch(letter_id)
    if match is None or not letter_id.isascii():
        raise ValueError("not the id of a dead letter")
    number = int(match[1]) * _ROOM + int(match[2])
    if number > NUMBER_MAX:
        raise ValueError("not the id of a dead letter")
    return number


def number_or_none(letter_id: str) -> int | None:
    """Return the number of a letter's id, or None for an id that no stream gives out."""
    try:
        return number_of(letter_id)
    except ValueError:
        return None


def id_of(number: int) -> str:
    """Return the id of a letter's number: `1764000000123000004` -> `"1764000000123-4"`."""
    return f"{number // _ROOM}-{number % _ROOM}"


def stream_of(number: int) -> int:
    """Return the number of the dead-letter stream that a letter came from. The ids of each partition are distinct
    (settle.lua). 0 stands for the only stream of an unpartitioned queue."""
    stream = number % _ROOM // 100
    return stream if stream >= _FIRST_STREAM else 0


def first_number(moment: datetime) -> int:
    """Return the least number in the millisecond of `moment`, which must have a time zone."""
    return int(moment.timestamp() * 1000) * _ROOM


def time_of(number: int) -> datetime:
    """Return when the letter was put on the stream, in UTC, by Redis' clock."""
    return datetime.fromtimestamp(number // _ROOM / 1000, UTC)
