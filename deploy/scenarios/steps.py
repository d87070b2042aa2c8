"""Steps: the parts of a scenario, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

from deploy.scenarios.expect import Expected
from deploy.stacks.faults import Program

#: Seconds for recovery: the start of a server, a breaker's open time, a few probes and a ramp.
HEALING_S = 90.0


@dataclass(frozen=True)
class Request:
    """One request, and what its response has to be. `{names}` stand for values that an earlier step kept."""

    what: str
    request: str
    #: The expected status, or None for any.
    status: int | None
    #: Further expectations: `seconds`, `header.<name>` or `body.<path>` -> the expected value.
    expect: Mapping[str, Expected] = field(default_factory=dict)
    _: KW_ONLY
    json: Mapping[str, object] | None = None
    #: A body that is not a JSON document, or that our clients would not send.
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Values kept for later steps: name -> path in the body.
    keep: Mapping[str, str] = field(default_factory=dict)
    #: Repeat the request until the response is as expected, for at most so many seconds. With 0 the first response
    #: counts.
    within_s: float = 0
    #: The target: `api`, another program of the stack with an HTTP port, or the name of an `ExtraApi`.
    to: str = "api"


@dataclass(frozen=True)
class Stop:
    """Stops programs, which stay down until a `Start` or the end of the scenario."""

    programs: Sequence[Program]


@dataclass(frozen=True)
class Start:
    """Starts stopped programs."""

    programs: Sequence[Program]


@dataclass(frozen=True)
class ExtraApi:
    """Runs one more api with other settings until the end of the scenario."""

    name: str
    what: str
    settings: Mapping[str, str]


@dataclass(frozen=True)
class ClientWrites:
    """Creates a user with our client library, and reads it at once. `status`: the expected status of the write;
    `pending`: the expected mark on the read; `keep`: the name of the operation for later steps."""

    what: str
    json: Mapping[str, object]
    status: str
    pending: bool
    keep: str


@dataclass(frozen=True)
class ClientWaits:
    """Waits with our client library until a kept operation has ended. `status`: its expected end."""

    what: str
    operation: str
    status: str


@dataclass(frozen=True)
class Balance:
    """Checks the ledger: every accepted write is accounted for."""


Step = Request | ClientWrites | ClientWaits | Stop | Start | ExtraApi | Balance


@dataclass(frozen=True)
class Scenario:
    """A scenario: its name on the command line, what it shows, and its steps."""

    name: str
    shows: str
    steps: Sequence[Step]
