"""Targets: draws faults of a kind for the processes and links that a plan has."""

from collections.abc import Iterator
from random import Random

from tests.simulation import kinds
from tests.simulation.kinds import APIS, PROXIES, THIRD_PARTY, Kind, log_uniform
from tests.simulation.plan import Fault, Plan


def faults_of(name: str, kind: Kind, plan: Plan, chance: Random) -> Iterator[Fault]:
    """Return as many faults of a kind as a large world has."""
    for _ in range(chance.randint(1, kind.most)):
        yield fault_of(name, kind, plan, chance)


def fault_of(name: str, kind: Kind, plan: Plan, chance: Random) -> Fault:
    """Return one fault of a kind, at any time of the load."""
    low, high = kind.lasts_s
    for_s = log_uniform(chance, low, high) if high else 0.0
    return Fault(
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
