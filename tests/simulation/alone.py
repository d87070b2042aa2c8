"""Alone: the periods of a run in which one store was down and everything else was healthy (promise 4)."""

from collections.abc import Iterable, Iterator

from tests.promises.history import Alone, Fault

_STORES = ("database", "queue", "cache")
_DOWN = ("die", "stall", "loading")
#: Seconds after another fault before the system counts as healthy, and the shortest period that is judged.
_OVER_IT_S, _LEAST_S = 10.0, 1.5


def alone(faults: Iterable[Fault]) -> Iterator[Alone]:
    """Return these periods, from the faults that were injected."""
    known = list(faults)
    for one in known:
        if one.target not in _STORES or one.what not in _DOWN:
            continue
        before = [other.until_s + _OVER_IT_S for other in known if other is not one and other.at_s <= one.at_s]
        after = [other.at_s for other in known if other.at_s > one.at_s]
        begin_s, end_s = max([one.at_s, *before]), min([one.until_s, *after])
        if end_s - begin_s >= _LEAST_S:
            yield Alone(begin_s, end_s, one.target)
