"""Plan: one run as plain data, drawn from a seed: what runs, what clients do, and every fault with its time. It prints,
and a `Cut` makes it smaller without changing what is left, which is how a failing run is shrunk and kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from random import Random
from typing import Self

from tests.simulation import kinds
from tests.simulation.kinds import (
    ADMINS,
    ALL,
    APIS,
    KINDS,
    LATER,
    OUTSIDE,
    PROXIES,
    REPLICATED,
    THIRD_PARTY,
    WRITERS,
    Kind,
    log_uniform,
)

#: Seeds without any fault, which show that the harness accuses nobody: one in so many.
_CALM = 12
#: Of the kinds of faults that a run could have, how many it has: few that are seen to their end, or many at once.
_SHARES = (0.15, 0.3, 0.6, 1.0)


@dataclass(frozen=True)
class Fault:
    """One fault: begins `at_s`, is undone `for_s` later. `amount` is what its kind says."""

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
    #: A keyed request that was answered is sent once more; of those, with another body.
    repeating: float
    altered: float
    #: Addresses that several want, and how many there are.
    contended: float
    addresses: int
    #: Clients after each other's users, rather than only their own.
    shared: float
    #: What is asked of the third party.
    external: float = 0.0


@dataclass(frozen=True)
class Plan:
    """A run. Clients and operators are numbered; which of them act is in `clients` and `operators`."""

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
    #: With a third party behind them; 0: there is none.
    proxies: int = 0
    #: Replicas of the queue that have to have a write before it is accepted.
    replicas: int = 0

    @property
    def nodes(self) -> list[str]:
        """Names of all processes that use the stores."""
        counts = ((APIS, self.apis), (WRITERS, self.writers), (ADMINS, self.admins))
        return [f"{service}-{number}" for service, count in counts for number in range(1, count + 1)]

    @property
    def outside(self) -> list[str]:
        """Names of the processes on the way to the third party, and of itself."""
        return [*(f"{PROXIES}-{number}" for number in range(1, self.proxies + 1)), THIRD_PARTY] if self.proxies else []

    def proxy_of(self, api: str) -> str:
        """That this api asks; empty: there is none."""
        return f"{PROXIES}-{1 + int(api.split('-')[1]) % self.proxies}" if self.proxies else ""

    @property
    def forgets(self) -> bool:
        """Whether a store loses what it has acknowledged."""
        return any(ALL[fault.kind].forgets for fault in self.faults)

    def lines(self) -> Iterator[str]:
        """For a person."""
        counts = f"{self.apis} apis, {self.writers} writers, {self.admins} admins"
        counts += f", {self.proxies} proxies, {self.replicas} replicas"
        people = f"{len(self.clients)} clients every {self.pause_s:g} s, {len(self.operators)} operators"
        yield f"seed {self.seed}: {counts}, {people}, {self.load_s:g} s of load"
        actions = " ".join(f"{name} {weight:g}" for name, weight in self.mix.actions.items())
        options = {each.name: getattr(self.mix, each.name) for each in fields(Mix) if each.name != "actions"}
        yield f"mix: {actions}; {' '.join(f'{name} {value:g}' for name, value in options.items())}"
        yield from map(str, self.faults)


@dataclass(frozen=True)
class Cut:
    """What is kept of a plan; None: all of it. `faults`, `clients`, `operators`: by their number."""

    seconds: float | None = None
    faults: tuple[int, ...] | None = None
    clients: tuple[int, ...] | None = None
    operators: tuple[int, ...] | None = None
    apis: int | None = None
    writers: int | None = None
    admins: int | None = None
    proxies: int | None = None

    def of(self, plan: Plan) -> Plan:
        """The smaller plan. What concerns a process that is not there is left out when the run comes to it."""
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
        """The same, with everything that is kept named."""
        smaller = self.of(plan)
        kept = tuple(number for number, fault in enumerate(plan.faults) if fault in smaller.faults)
        return replace(
            self, seconds=smaller.load_s, faults=kept, clients=smaller.clients, operators=smaller.operators,
            apis=smaller.apis, writers=smaller.writers, admins=smaller.admins, proxies=smaller.proxies,
        )  # fmt: skip

    def __str__(self) -> str:
        """`seconds=12 faults=1,4 clients=0`; `-` is none of them."""
        said = []
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, tuple):
                said.append(f"{each.name}={','.join(map(str, value)) or '-'}")
            elif value is not None:
                said.append(f"{each.name}={value:g}")
        return " ".join(said)

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `str` gives. Raises ValueError."""
        known = {each.name: each for each in fields(cls)}
        values: dict[str, object] = {}
        for word in text.split():
            name, equals, value = word.partition("=")
            if not equals or name not in known or name in values:
                raise ValueError(f"{word!r} is none of {', '.join(known)}, or is there twice")
            if name in ("faults", "clients", "operators"):
                values[name] = () if value == "-" else tuple(map(int, value.split(",")))
            else:
                values[name] = float(value) if name == "seconds" else int(value)
        return cls(**values)  # type: ignore[arg-type]


def _kept(numbers: tuple[int, ...], wanted: Sequence[int] | None) -> tuple[int, ...]:
    return numbers if wanted is None else tuple(number for number in numbers if number in wanted)


def draw(seed: int) -> Plan:
    """The plan of this seed."""
    plan = _with_third_party(_of_the_stores(seed), Random(f"third party {seed}"))
    plan = _with_replicas(plan, Random(f"replicas {seed}"))
    return _with_faults(plan, LATER, Random(f"later {seed}")) if plan.faults else plan


def _with_third_party(plan: Plan, chance: Random) -> Plan:
    """Drawn apart, so that the rest of a plan is the same with it and without."""
    plan = replace(plan, proxies=chance.choice((0, 1, 1, 2)))
    if not plan.proxies:
        return plan
    plan = replace(plan, mix=replace(plan.mix, external=round(chance.uniform(0.1, 0.6), 2)))
    return _with_faults(plan, OUTSIDE, chance) if plan.faults else plan


def _with_replicas(plan: Plan, chance: Random) -> Plan:
    """What a failover loses is then what the replica did not have, and no number of seconds."""
    plan = replace(plan, replicas=chance.choice((0, 0, 1)))
    if not plan.replicas or not plan.faults:
        return plan
    kept = tuple(fault for fault in plan.faults if fault.kind != "lose_last")
    return _with_faults(replace(plan, faults=kept), REPLICATED, chance)


def _with_faults(plan: Plan, table: Mapping[str, Kind], chance: Random) -> Plan:
    drawn = [
        fault for name, kind in table.items() if chance.random() < kind.often for fault in _of(name, kind, plan, chance)
    ]
    return replace(plan, faults=tuple(sorted((*plan.faults, *drawn), key=lambda fault: fault.at_s)))


def _of_the_stores(seed: int) -> Plan:
    chance = Random(f"plan {seed}")
    apis, writers, admins = chance.choice((1, 2, 2, 3)), chance.choice((1, 2, 2, 3)), chance.choice((1, 1, 2))
    clients = chance.choice((1, 2, 4, 4, 8, 8, 12, 20))
    load_s = round(log_uniform(chance, 8, 60), 1)
    requests = log_uniform(chance, 40, 240)
    plan = Plan(
        seed=seed, apis=apis, writers=writers, admins=admins, clients=tuple(range(clients)),
        operators=tuple(range(chance.choice((0, 1, 1, 2)))), load_s=load_s,
        pause_s=round(clients * load_s / requests, 3), mix=_mix(chance), patience_s=chance.choice((13.0, 20.0, 60.0)),
        faults=(),
    )  # fmt: skip
    if chance.randrange(_CALM) == 0:
        return plan
    return _with_faults(plan, KINDS, chance)


def _mix(chance: Random) -> Mix:
    actions = ("create", "patch", "put", "delete", "read", "page", "by_email", "operation")
    share = lambda most: round(chance.choice((0.0, chance.random() * most)), 2)  # noqa: E731 - drawn many times below
    return Mix(
        actions={name: round(log_uniform(chance, 0.3, 5), 1) for name in actions},
        keyed=round(chance.choice((0.3, 0.7, 1.0)), 2), conditional=share(0.5), waiting=share(0.6), expiring=share(0.3),
        hasty=share(0.3), fresh=share(0.3), repeating=share(0.4), altered=share(0.5), contended=share(0.6),
        addresses=chance.randint(1, 6), shared=share(1.0),
    )  # fmt: skip


def _of(name: str, kind: Kind, plan: Plan, chance: Random) -> Iterator[Fault]:
    for _ in range(chance.randint(1, kind.most)):
        low, high = kind.lasts_s
        for_s = log_uniform(chance, low, high) if high else 0.0
        yield Fault(
            round(chance.uniform(0, plan.load_s), 3), name, _target(kind, plan, chance), for_s, kind.amount(chance)
        )


def _target(kind: Kind, plan: Plan, chance: Random) -> str:
    match kind.targets:
        case kinds.LINKS:
            return f"{chance.choice(plan.nodes)}>{chance.choice(('queue', 'queue', 'cache', 'database', 'database'))}"
        case kinds.ROADS:
            return f"clients>api-{chance.randint(1, plan.apis)}"
        case kinds.HOPS:
            proxy, api = f"{PROXIES}-{chance.randint(1, plan.proxies)}", f"{APIS}-{chance.randint(1, plan.apis)}"
            hops = (f"{api}>{plan.proxy_of(api)}", f"{proxy}>{THIRD_PARTY}", f"{proxy}>{THIRD_PARTY}", f"{proxy}>cache")
            return chance.choice(hops)
        case kinds.OLD_PRIMARY:
            return f"{chance.choice(plan.nodes)}>queue"
        case _:
            among = kind.targets.split()
            nodes = [node for node in (*plan.nodes, *plan.outside) if node.split("-")[0] in among]
            return chance.choice(nodes or among)
