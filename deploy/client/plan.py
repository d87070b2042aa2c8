"""The plan: the load of a run, and the mix of its requests: `reads=80,writes=18,external=2`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Any

from deploy.client.connections import TIMEOUT_S


class Kind(IntEnum):
    """The closed set of kinds of requests. Samples store the numbers."""

    READS = 0
    LISTS = 1
    WRITES = 2
    UPDATES = 3
    EXTERNAL = 4

    @property
    def word(self) -> str:
        """Its name in a mix."""
        return self.name.lower()

    @property
    def write(self) -> bool:
        """Whether it changes something."""
        return self in (Kind.WRITES, Kind.UPDATES)


DEFAULT = "reads=80,writes=18,external=2"
_WORDS = {kind.word: kind for kind in Kind}


def parse(text: str) -> Mapping[Kind, float]:
    """Return kind -> weight. The sum of the weights is arbitrary. Raises ValueError that says what would be right."""
    mix: dict[Kind, float] = {}
    for part in text.split(","):
        name, equals, weight = (piece.strip() for piece in part.partition("="))
        kind = _WORDS.get(name)
        if kind is None:
            raise ValueError(f"MIX={text}: {name or 'nothing'!r} is not a kind of request: use {', '.join(_WORDS)}")
        if kind in mix:
            raise ValueError(f"MIX={text}: {name} is there twice")
        try:
            mix[kind] = float(weight)
        except ValueError:
            raise ValueError(f"MIX={text}: {name}{equals}{weight} has no number, like {name}=80") from None
        if not 0 <= mix[kind] < float("inf"):
            raise ValueError(f"MIX={text}: {name}={weight} is not 0 or more")
    if not sum(mix.values()):
        raise ValueError(f"MIX={text}: every weight is 0")
    return mix


#: Duration of a run that its caller stops.
UNTIL_STOPPED_S = 86_000.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Sends `per_s` arrivals for `duration_s`, each with a timeout of `timeout_s`. `api`: a base URL."""

    api: str
    per_s: float = 200.0
    duration_s: float = 30.0
    mix: Mapping[Kind, float] = field(default_factory=lambda: parse(DEFAULT))
    poisson: bool = False
    in_flight_max: int = 5000
    timeout_s: float = TIMEOUT_S
    #: Accepted writes per second that are followed to their end.
    follow_per_s: float = 5.0
    #: Users that are made beforehand, if the mix reads or changes some.
    users: int = 100
    seed: int = 1

    def as_json(self) -> dict[str, Any]:
        """Return the plan as JSON for reports."""
        mix = {kind.word: weight for kind, weight in self.mix.items()}
        return asdict(self) | {"mix": mix, "arrivals": "poisson" if self.poisson else "constant"}
