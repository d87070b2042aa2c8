"""Warm: prepares what every forked run then shares: modules, scripts, routes, compiled statements, and their
translations for the model of the database. It changes no run (test_short.py)."""

import re
from collections.abc import Iterable

from tests.models.database.server import translator
from tests.simulation.kept import Kept
from tests.simulation.plan import LARGE, Cut
from tests.simulation.run import run

#: Two runs that cover most of what services do: letters, replays and their ends; a queue that loses data; a third
#: party.
_RUNS = (
    Kept(0, Cut(world=LARGE, seconds=6, operators=(0,), apis=1)),
    Kept(50009, Cut()),
)
#: Matches lists of parameters, which can have any length.
_LIST = re.compile(r"\(%s(?:,%s)*\)|\(%s(?:, %s)*\)")
_LENGTHS = range(1, 30)


#: Hashes of statements that one run has had to translate.
_seen: set[int] = set()


def learn(texts: Iterable[str]) -> None:
    """Translate a statement for all later runs once two runs had to translate it. Most of those that only one run needs
    contain numbers of its own."""
    for text in texts:
        if hash(text) in _seen:
            translator().plan(text)
        _seen.add(hash(text))


def up() -> None:
    """Prepare everything."""
    for one in _RUNS:
        run(one.plan, one.cut)
    known = translator()
    for text in known.texts():
        lists = {*_LIST.findall(text)}
        if len(lists) == 1 and text.lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
            [found] = lists
            comma = ", " if ", " in found else ","
            for length in _LENGTHS:
                known.plan(text.replace(found, f"({comma.join(['%s'] * length)})"))
