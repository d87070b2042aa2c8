"""Schedule: which faults happen when, drawn from a seed. Pure: the same seed gives the same schedule."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.promises.sometimes import kind_of

#: Mean seconds between two faults. A short run has less, so that each kind has its turn.
_GAP_S = 1.1
#: Seconds that faults last. A kill is over when the process is started again; a hang has to outlast every timeout.
_LASTS_S = {"kill": (0.0, 1.5), "power loss": (1.5, 3.5), "freeze": (1.0, 4.0), "fail over": (8.0, 12.0),
            "cut off": (8.0, 12.0)}  # fmt: skip
_LASTS_ELSE_S = (0.8, 3.5)
TAKEN_OVER = "a replay taken over by another replica"
#: Faults that bring about what a run has to see, if chance did not.
_BRINGS = {
    "write queued": [("kill", "database"), ("locked accounts", "database")],
    "write applied past the queue": [("power loss", "queue")],
    "write resolved after doubt": [("lose replies", "api → queue")],
    "answer repeated to the same key": [("lose replies", "api → queue")],
    "queued write shown by a read": [("kill", "database"), ("locked accounts", "database")],
    "copy served": [("kill", "database"), ("locked accounts", "database")],
    "bytes that were not on disk yet, lost with the power": [("power loss", "queue")],
}
_AGAIN_S = 3.0
#: A shorter run sees what it happens to see.
SHORT_S = 30.0
#: A run of this length has time to take everything down alone.
_ALL_ALONE_S = 200.0
#: Length of a run below which its faults are shorter.
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
        """Its kind as the report calls it, which is shared by similar faults."""
        return kind_of(self.what, self.target)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault, how often it is drawn, and its possible targets."""

    what: str
    weight: float
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Down:
    """A dependency that is down while everything else is healthy."""

    dependency: str
    faults: tuple[Planned, ...]


def kinds(
    services: Sequence[str],
    links: Sequence[str],
    *,
    disk: bool = True,
    fails_over: bool = False,
    cuts_off: bool = False,
) -> tuple[Kind, ...]:
    """Return all kinds. Writers need the most proof, and the database takes longest to come back. `disk`: whether the
    queue's disk can be full. `fails_over`: whether another node takes the queue over; `cuts_off`: also from a live
    primary that reaches only its clients."""
    writers = tuple(name for name in services if name.startswith("writer"))
    stores = tuple(link for link in links if not link.endswith("cache"))
    every = (
        Kind("kill", 5, writers),
        Kind("kill", 3, tuple(name for name in services if name.startswith("api"))),
        Kind("kill", 1, tuple(name for name in services if name.startswith("external-proxy"))),
        *(Kind("kill", 2, (name,)) for name in services if name.startswith("dlq-admin")),  # one of them replays
        *([Kind("fail over", 1, ("queue",))] if fails_over else []),
        *([Kind("cut off", 1, ("queue",))] if cuts_off else []),
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
        *([Kind("disk full", 2, ("queue",))] if disk else []),
        Kind("table full", 1, ("database",)),
        Kind("read-only", 1, ("database",)),
        Kind("locked accounts", 1, ("database",)),
        Kind("unknown error numbers", 2, ("database",)),
        Kind("fail", 1, ("third party",)),
        Kind("hang", 1, ("third party",)),
    )
    return tuple(kind for kind in every if kind.targets)


def drawn(seed: int, seconds: float, every: Sequence[Kind]) -> tuple[Planned, ...]:
    """Draw each kind once, in any order, and then as many as chance gives. No target has two faults at one time."""
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


def down_alone(seed: int, seconds: float, services: Sequence[str]) -> tuple[Down, ...]:
    """Return what is down alone: the stores, and of the rest one by the seed, or all in a long run. A short run has a
    single store. The cache comes last, because without it there are no copies."""
    stores = [_down("database", "kill"), _down("queue", "power loss")]
    ours = [
        Down(kind, tuple(Planned(0, 0, "kill", name) for name in services if name.startswith(kind)))
        for kind in ("external-proxy", "writer", "dlq-admin")
    ]
    chance = random.Random(seed)
    if seconds < SHORT_S:
        return (chance.choice(stores),)
    downs = stores + (ours if seconds >= _ALL_ALONE_S else [chance.choice(ours)])
    return (*chance.sample(downs, len(downs)), _down("cache", "kill"))


def _down(store: str, what: str) -> Down:
    return Down(store, (Planned(0, 0, what, store),))


def again(missed: Iterable[str], every: Sequence[Kind], services: Iterable[str]) -> tuple[Planned, ...]:
    """Return faults for what a run has not seen yet, one after the other."""
    wanted = [*dict.fromkeys(fault for what in missed for fault in _that_bring(what, every, services))]
    return tuple(
        Planned(number * (_AGAIN_S + 1), _AGAIN_S, what, target) for number, (what, target) in enumerate(wanted)
    )


def _that_bring(missed: str, every: Sequence[Kind], services: Iterable[str]) -> Iterable[tuple[str, str]]:
    if missed == TAKEN_OVER:
        return [("kill", name) for name in services if name.startswith("dlq-admin")]
    mine = [(kind.what, target) for kind in every for target in kind.targets if kind_of(kind.what, target) == missed]
    return mine[:1] or _BRINGS.get(missed, ())
