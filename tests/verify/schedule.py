"""Schedule: what is broken when, drawn from a seed. Pure: the same seed gives the same schedule."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.promises.sometimes import kind_of

#: Between two faults, on average; of a short run it is less, so that each kind has its turn.
_GAP_S = 1.1
#: A kill is over when the process is started again; what hangs has to hang for longer than anybody's patience.
_LASTS_S = {"kill": (0.0, 1.5), "power loss": (1.5, 3.5), "freeze": (1.0, 4.0)}
_LASTS_ELSE_S = (0.8, 3.5)
#: A shorter run has shorter faults.
_LONG_S = 30.0


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault. `at_s`: from the start of the load."""

    at_s: float
    lasts_s: float
    what: str
    target: str

    @property
    def kind(self) -> str:
        """As the report calls it, with those like it."""
        return kind_of(self.what, self.target)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault, how often it is drawn, and what it may be for."""

    what: str
    weight: float
    targets: tuple[str, ...]


def kinds(services: Sequence[str], links: Sequence[str]) -> tuple[Kind, ...]:
    """All there are. Writers are what most needs proof, and the database takes longest to come back."""
    writers = tuple(name for name in services if name.startswith("writer"))
    stores = tuple(link for link in links if not link.endswith("cache"))
    return (
        Kind("kill", 5, writers),
        Kind("kill", 3, tuple(name for name in services if name.startswith("api"))),
        Kind("kill", 1, ("external-proxy",)),
        *(Kind("kill", 2, (name,)) for name in services if name.startswith("dlq-admin")),  # one of them replays
        Kind("kill", 2, ("database",)),
        Kind("kill", 1, ("cache",)),
        Kind("power loss", 2, ("queue",)),
        Kind("freeze", 2, tuple(services)),
        Kind("freeze", 2, ("queue", "cache", "database")),
        Kind("cut", 2, tuple(links)),
        Kind("hang", 2, tuple(links)),
        Kind("half cut", 2, tuple(links)),
        Kind("slow", 2, tuple(links)),
        Kind("lose replies", 3, stores),
        Kind("fill", 2, ("queue",)),
        Kind("read-only", 1, ("database",)),
        Kind("locked accounts", 1, ("database",)),
        Kind("unknown error numbers", 2, ("database",)),
        Kind("fail", 1, ("third party",)),
        Kind("hang", 1, ("third party",)),
    )


def drawn(seed: int, seconds: float, every: Sequence[Kind]) -> tuple[Planned, ...]:
    """Each kind once, in any order, then whatever chance says; no target has two faults at one time."""
    return tuple(_draw(random.Random(seed), seconds, every))


def _draw(chance: random.Random, seconds: float, every: Sequence[Kind]) -> Iterator[Planned]:
    first = chance.sample(list(every), len(every))
    gap_s = min(_GAP_S, 0.8 * seconds / len(every))
    busy_until: dict[str, float] = {}
    at_s = chance.uniform(0, gap_s)
    while at_s < seconds or first:
        ready = [kind for kind in first if _free(kind, busy_until, at_s)]
        kind = ready[0] if ready else chance.choices(list(every), [kind.weight for kind in every])[0]
        if ready:
            first.remove(kind)
        if targets := _free(kind, busy_until, at_s):
            target = chance.choice(targets)
            lasts_s = chance.uniform(*_LASTS_S.get(kind.what, _LASTS_ELSE_S)) * min(1, seconds / _LONG_S)
            busy_until[target] = at_s + lasts_s
            yield Planned(at_s, lasts_s, kind.what, target)
        at_s += chance.uniform(0.1, 1.9) * gap_s


def _free(kind: Kind, busy_until: Mapping[str, float], at_s: float) -> list[str]:
    return [target for target in kind.targets if busy_until.get(target, 0) <= at_s]
