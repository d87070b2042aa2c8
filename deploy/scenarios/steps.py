"""Steps: what a scenario consists of, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

from deploy.scenarios.expect import Expected
from deploy.stacks.faults import Program

#: Recovery may take a server's start, a breaker's open time, a few probes and a ramp.
HEALING_S = 90.0


@dataclass(frozen=True)
class Request:
    """One request and what is expected of its response. `{names}` stand for what an earlier step kept."""

    what: str
    request: str
    #: None: any.
    status: int | None
    #: Of the response besides: `seconds`, `header.<name>` or `body.<path>`, and what it must be.
    expect: Mapping[str, Expected] = field(default_factory=dict)
    _: KW_ONLY
    json: Mapping[str, object] | None = None
    #: A body that is not a JSON document, or one that our clients would not send.
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Name -> path in the body: for later steps.
    keep: Mapping[str, str] = field(default_factory=dict)
    #: Repeat it until the response is as expected, at most so long. 0: the first response counts.
    within_s: float = 0
    #: `api`, another program of the stack with an HTTP port, or the name of an `ExtraApi`.
    to: str = "api"


@dataclass(frozen=True)
class Stop:
    """Programs stop, and stay down until a `Start` or the end of the scenario."""

    programs: Sequence[Program]


@dataclass(frozen=True)
class Start:
    """They come back."""

    programs: Sequence[Program]


@dataclass(frozen=True)
class ExtraApi:
    """One more api beside the running ones, with other settings, until the end of the scenario."""

    name: str
    what: str
    settings: Mapping[str, str]


@dataclass(frozen=True)
class ClientWrites:
    """Our client library creates a user and reads it at once. `status`: of the write; `pending`: of what was read;
    `keep`: the name of its operation for later steps."""

    what: str
    json: Mapping[str, object]
    status: str
    pending: bool
    keep: str


@dataclass(frozen=True)
class ClientWaits:
    """Our client library waits until a kept operation is over; `status`: as which it ends."""

    what: str
    operation: str
    status: str


@dataclass(frozen=True)
class Balance:
    """The ledger: every accepted write is accounted for."""


Step = Request | ClientWrites | ClientWaits | Stop | Start | ExtraApi | Balance


@dataclass(frozen=True)
class Scenario:
    """Its name on the command line, what it shows, and how."""

    name: str
    shows: str
    steps: Sequence[Step]
