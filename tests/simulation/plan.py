"""Plan: one run as plain data: what runs, what clients do, and every fault with its time. A plan can be printed. A
`Cut` removes parts of it without changing the rest, which is how a failing run is shrunk and kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

from tests.simulation.kinds import ADMINS, ALL, APIS, PROXIES, QUEUE, THIRD_PARTY, WRITERS

#: Sizes of a world: see draw.py and small.py.
SMALL, LARGE = "small", "large"


@dataclass(frozen=True)
class Fault:
    """A fault. It begins `at_s` and is undone `for_s` later. The meaning of `amount` depends on the kind."""

    at_s: float
    kind: str
    target: str
    for_s: float = 0.0
    amount: float = 0.0

    def __str__(self) -> str:
        until = f" for {self.for_s:g} s" if self.for_s else ""
        amount = f" ({self.amount:g})" if self.amount else ""
        return f"{self.at_s:9.3f} {self.kind} {self.target}{until}{amount}"


@dataclass(frozen=True)
class Mix:
    """What clients do: weights of actions, and shares of requests with an option."""

    actions: dict[str, float]
    keyed: float
    conditional: float
    waiting: float
    expiring: float
    hasty: float
    fresh: float
    #: Share of answered keyed requests that are sent again, and of those the share with another body.
    repeating: float
    altered: float
    #: Share of writes that use a contested address, and the number of such addresses.
    contended: float
    addresses: int
    #: Share of requests for users that other clients created.
    shared: float
    #: Share of requests to the third party.
    external: float = 0.0
    #: Share of requests that ask for their answer within a certain time.
    hurried: float = 0.0


@dataclass(frozen=True)
class Plan:
    """A run. `clients` and `operators` hold the numbers of those that act."""

    seed: int
    apis: int
    writers: int
    admins: int
    clients: tuple[int, ...]
    operators: tuple[int, ...]
    load_s: float
    #: Mean pause of one client between two requests.
    pause_s: float
    mix: Mix
    patience_s: float
    faults: tuple[Fault, ...]
    #: Proxies, with a third party behind them; 0 for neither.
    proxies: int = 0
    #: Replicas of the queue that have to have a write before it is accepted.
    replicas: int = 0
    #: Partitions of the queue.
    partitions: int = 1
    #: Servers of the Redis Cluster that is the queue; 1 for a single server.
    shards: int = 1
    #: Mean pause of one operator between two acts.
    operator_pause_s: float = 2.0
    #: Pause of a dlq_admin between two readings of the ledger.
    audit_every_s: float = 5.0

    @property
    def nodes(self) -> list[str]:
        """The names of all processes that use the stores."""
        counts = ((APIS, self.apis), (WRITERS, self.writers), (ADMINS, self.admins))
        return [f"{service}-{number}" for service, count in counts for number in range(1, count + 1)]

    @property
    def queues(self) -> list[str]:
        """The names of the machines that make up the queue."""
        return [QUEUE, *(f"{QUEUE}-{number}" for number in range(2, self.shards + 1))]

    @property
    def outside(self) -> list[str]:
        """The names of the third party and of the processes in front of it."""
        return [*(f"{PROXIES}-{number}" for number in range(1, self.proxies + 1)), THIRD_PARTY] if self.proxies else []

    def proxy_of(self, api: str) -> str:
        """Return the proxy that this api uses, or an empty text."""
        return f"{PROXIES}-{1 + int(api.split('-')[1]) % self.proxies}" if self.proxies else ""

    @property
    def forgets(self) -> bool:
        """Whether a store loses acknowledged data."""
        return any(ALL[fault.kind].forgets for fault in self.faults)

    def lines(self) -> Iterator[str]:
        """Return the plan as lines for a person."""
        counts = f"{self.apis} apis, {self.writers} writers, {self.admins} admins"
        counts += f", {self.proxies} proxies, {self.replicas} replicas, {self.partitions} partitions"
        counts += f", {self.shards} shards" if self.shards > 1 else ""
        people = f"{len(self.clients)} clients every {self.pause_s:g} s, {len(self.operators)} operators"
        yield f"seed {self.seed}: {counts}, {people}, {self.load_s:g} s of load"
        actions = " ".join(f"{name} {weight:g}" for name, weight in self.mix.actions.items())
        options = {each.name: getattr(self.mix, each.name) for each in fields(Mix) if each.name != "actions"}
        yield f"mix: {actions}; {' '.join(f'{name} {value:g}' for name, value in options.items())}"
        yield from map(str, self.faults)


@dataclass(frozen=True)
class Cut:
    """The parts of a plan that are kept; None for all. `world`: the size that is drawn, or None for the seed's own.
    `faults`, `clients`, `operators`: by number."""

    world: str | None = None
    seconds: float | None = None
    faults: tuple[int, ...] | None = None
    clients: tuple[int, ...] | None = None
    operators: tuple[int, ...] | None = None
    apis: int | None = None
    writers: int | None = None
    admins: int | None = None
    proxies: int | None = None

    def of(self, plan: Plan) -> Plan:
        """Return the smaller plan. Faults of a process that does not exist are skipped during the run."""
        load_s = plan.load_s if self.seconds is None else min(self.seconds, plan.load_s)
        faults = tuple(
            fault
            for number, fault in enumerate(plan.faults)
            if (self.faults is None or number in self.faults) and fault.at_s < load_s
        )
        return replace(
            plan,
            load_s=load_s,
            faults=faults,
            clients=_kept(plan.clients, self.clients),
            operators=_kept(plan.operators, self.operators),
            **{name: min(most, getattr(plan, name)) for name in ("apis", "writers", "admins", "proxies")
               if (most := getattr(self, name)) is not None},
        )  # fmt: skip

    def whole(self, plan: Plan) -> Self:
        """Return the same cut with every kept part listed."""
        smaller = self.of(plan)
        kept = tuple(number for number, fault in enumerate(plan.faults) if fault in smaller.faults)
        return replace(
            self, seconds=smaller.load_s, faults=kept, clients=smaller.clients, operators=smaller.operators,
            apis=smaller.apis, writers=smaller.writers, admins=smaller.admins, proxies=smaller.proxies,
        )  # fmt: skip

    def __str__(self) -> str:
        """Return `seconds=12 faults=1,4 clients=0`, with `-` for an empty list."""
        words = []
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, tuple):
                words.append(f"{each.name}={','.join(map(str, value)) or '-'}")
            elif value is not None:
                words.append(f"{each.name}={value}" if each.name == "world" else f"{each.name}={value:g}")
        return " ".join(words)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the cut that `str` printed. Raises ValueError."""
        known = {each.name: each for each in fields(cls)}
        values: dict[str, object] = {}
        for word in text.split():
            name, equals, value = word.partition("=")
            if not equals or name not in known or name in values:
                raise ValueError(f"{word!r} is none of {', '.join(known)}, or is there twice")
            if name == "world":
                if value not in (SMALL, LARGE):
                    raise ValueError(f"{word!r}: a world is {SMALL} or {LARGE}")
                values[name] = value
            elif name in ("faults", "clients", "operators"):
                values[name] = () if value == "-" else tuple(map(int, value.split(",")))
            else:
                values[name] = float(value) if name == "seconds" else int(value)
        return cls(**values)  # type: ignore[arg-type]


def _kept(numbers: tuple[int, ...], wanted: Sequence[int] | None) -> tuple[int, ...]:
    return numbers if wanted is None else tuple(number for number in numbers if number in wanted)
