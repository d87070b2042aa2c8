"""Steps: what a scenario consists of, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deploy.scenarios.expect import Expected

#: Healing may take a server's start, a breaker's pause, a few probes and a ramp.
HEALING_S = 90.0


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request and what is expected of its answer. `{names}` stand for what an earlier step kept."""

    what: str
    request: str
    #: Of the answer: `status`, `seconds`, `header.<name>` or `body.<path>`, and what it must be.
    expect: Mapping[str, Expected]
    json: Mapping[str, object] | None = None
    #: A body that is no JSON document, or none that we would write.
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Name -> path in the body: for later steps.
    keep: Mapping[str, str] = field(default_factory=dict)
    #: Ask again until it is as expected, at most so long. 0: the first answer counts.
    within_s: float = 0
    #: `api`, another program of the stack that speaks HTTP, or the name of a `Beside`.
    of: str = "api"


@dataclass(frozen=True)
class Stop:
    """Programs go away, and stay away until a `Start`, or the end of the scenario."""

    names: Sequence[str]


@dataclass(frozen=True)
class Start:
    """They come back."""

    names: Sequence[str]


@dataclass(frozen=True)
class Beside:
    """An api of its own beside the running one, with other settings, until the end of the scenario."""

    name: str
    what: str
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Balance:
    """The ledger: every accepted write is accounted for."""


Step = Ask | Stop | Start | Beside | Balance


@dataclass(frozen=True)
class Scenario:
    """Its name on the command line, what it shows, and how."""

    name: str
    shows: str
    steps: Sequence[Step]
