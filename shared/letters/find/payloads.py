"""Payloads: finds letters by the content of their payloads, in the original or in the edit in force. Each call searches
a bounded number of letters; the result says how far the search got, and the next call continues from there."""

import time
from dataclasses import dataclass

from holdfast.shared.letters.edit import versions
from holdfast.shared.letters.edit.versions import Current
from holdfast.shared.letters.find import search
from holdfast.shared.letters.find.contents import Contents, holds
from holdfast.shared.letters.find.search import Row
from holdfast.shared.letters.find.selection import Filter
from holdfast.shared.store.engine import Engine

#: Most letters, and most seconds, of one call.
LETTERS_MAX = 20_000
_LONGEST_S = 3.0
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Searched:
    """The result of a search. `looked_through`: number of letters searched, including the found ones; `next`: continue
    beyond this number; None: there are no more letters."""

    rows: list[Row]
    looked_through: int
    next: int | None


def find(
    engine: Engine, wanted: Filter, contents: Contents, *, beyond: int | None, limit: int, revealed: bool
) -> Searched:
    """Return at most `limit` letters of a filter whose payload has the contents, beyond the number `beyond`, the newest
    first. Raises a Fault."""
    until = time.monotonic() + _LONGEST_S
    found: list[Row] = []
    looked_through = 0
    while True:
        page = search.search(engine, wanted, beyond=beyond, limit=_PAGE)
        rows = {row.id: row for row in page.rows}
        for numbers in versions.pages_of(engine, list(rows)):
            bodies = versions.look(engine, numbers)
            for number in numbers:
                looked_through, beyond = looked_through + 1, number
                if (body := bodies.get(number)) and _holds(body, contents, revealed):
                    found.append(rows[number])
                if len(found) == limit or looked_through == LETTERS_MAX:
                    return Searched(found, looked_through, beyond)
            if time.monotonic() > until:
                return Searched(found, looked_through, beyond)
        if page.next is None:
            return Searched(found, looked_through, None)
        beyond = page.next


def _holds(body: Current, contents: Contents, revealed: bool) -> bool:
    return any(holds(fields, contents, revealed=revealed) for fields in (body.original, body.fields))
