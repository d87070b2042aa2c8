"""Warm: what the first runs of a process prepare, and every forked one then has: modules, scripts, routes, compiled
statements, and what statements are to the model of the database. No run is another one for it (test_short.py)."""

import re
from collections.abc import Iterable

from tests.models.database.server import translator
from tests.simulation.kept import Kept
from tests.simulation.plan import LARGE, Cut
from tests.simulation.run import run

#: Of most of what services do: letters, replays and their ends; a queue that forgot; a third party.
_RUNS = (
    Kept(0, Cut(world=LARGE, seconds=6, operators=(0,), apis=1)),
    Kept(50009, Cut()),
)
#: Lists of parameters, which statements have in any length.
_LIST = re.compile(r"\(%s(?:,%s)*\)|\(%s(?:, %s)*\)")
_LENGTHS = range(1, 30)


#: What runs had to translate, once.
_seen: set[int] = set()


def learn(texts: Iterable[str]) -> None:
    """What two runs had to translate, the next ones find. Most of what only one had to has numbers of its own."""
    for text in texts:
        if hash(text) in _seen:
            translator().plan(text)
        _seen.add(hash(text))


def up() -> None:
    """Do it."""
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
