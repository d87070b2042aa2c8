"""Afterwards: extracts what the services themselves reported from the timeline of a run."""

import re
from collections.abc import Iterable, Iterator

from tests.promises.history import Tripped

#: `   12.345678 api-1/2      breaker_moved breaker=database origin=closed to=open ...`
_TRIPPED = re.compile(r" *(\S+) (\S+) +breaker_moved breaker='?([a-z]+)[^ ]* origin=closed to=open ")
_IMBALANCE = re.compile(r" *(\S+) (\S+) +ledger_moved .*missing=(-?[1-9]\d*)")
#: What each breaker guards, by the prefix of its name.
_GUARDS = {"database": "database", "queue": "queue", "limits": "queue", "cache": "cache"}


def tripped(timeline: Iterable[str]) -> Iterator[Tripped]:
    """Return the openings of breakers that guard stores."""
    for line in timeline:
        found = _TRIPPED.match(line)
        if found and found[3] in _GUARDS:
            yield Tripped(float(found[1]), found[2].partition("/")[0], _GUARDS[found[3]])


def imbalances(timeline: Iterable[str]) -> Iterator[str]:
    """Return the readings of the ledger that did not balance."""
    for line in timeline:
        if found := _IMBALANCE.match(line):
            yield f"at {float(found[1]):.3f} s {found[2]} missed {found[3]}"
