"""Draw: turns a seed into a plan. Most seeds are small worlds (small.py), because those show most mistakes. Every fifth
seed is large: more of everything, and many faults at once."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from tests.simulation.kinds import KINDS, LATER, OUTSIDE, REPLICATED, Kind, log_uniform
from tests.simulation.mixes import draw_mix
from tests.simulation.plan import LARGE, SMALL, Plan
from tests.simulation.provoked import maybe_provoked
from tests.simulation.small import draw_small, maybe_swept
from tests.simulation.targets import faults_of

#: One seed in so many is a large world.
_LARGE_EACH = 5
#: One large world in so many has no fault, and shows that the harness accuses nobody without a reason.
_CALM = 12
#: Possible numbers of partitions of the queue.
_PARTITIONS = (1, 1, 1, 2, 4)


def draw(seed: int, world: str | None = None) -> Plan:
    """Return the plan of this seed, in a world of its own size or of the named one."""
    small = (world or (SMALL if seed % _LARGE_EACH else LARGE)) == SMALL
    plan = draw_small(seed) if small else _large(seed)
    plan = replace(plan, partitions=Random(f"partitions {seed}").choice(_PARTITIONS))
    if not small:
        return plan
    plan = maybe_swept(plan, Random(f"swept {seed}"))
    return maybe_provoked(plan, Random(f"provoked {seed}"), Random(f"added later {seed}"))


def _large(seed: int) -> Plan:
    plan = _with_third_party(_of_the_stores(seed), Random(f"third party {seed}"))
    plan = _with_replicas(plan, Random(f"replicas {seed}"))
    return _with_faults(plan, LATER, Random(f"later {seed}")) if plan.faults else plan


def _with_third_party(plan: Plan, chance: Random) -> Plan:
    """Add a third party. It is drawn with its own generator, so that the rest of the plan does not depend on it."""
    plan = replace(plan, proxies=chance.choice((0, 1, 1, 2)))
    if not plan.proxies:
        return plan
    plan = replace(plan, mix=replace(plan.mix, external=round(chance.uniform(0.1, 0.6), 2)))
    return _with_faults(plan, OUTSIDE, chance) if plan.faults else plan


def _with_replicas(plan: Plan, chance: Random) -> Plan:
    """Add replicas. A failover then loses what the replica lacked, not a drawn number of seconds."""
    plan = replace(plan, replicas=chance.choice((0, 0, 1)))
    if not plan.replicas or not plan.faults:
        return plan
    kept = tuple(fault for fault in plan.faults if fault.kind != "lose_last")
    return _with_faults(replace(plan, faults=kept), REPLICATED, chance)


def _with_faults(plan: Plan, table: Mapping[str, Kind], chance: Random) -> Plan:
    drawn = [
        fault
        for name, kind in table.items()
        if chance.random() < kind.often
        for fault in faults_of(name, kind, plan, chance)
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
        pause_s=round(clients * load_s / requests, 3), mix=draw_mix(chance),
        patience_s=chance.choice((13.0, 20.0, 60.0)), faults=(),
    )  # fmt: skip
    if chance.randrange(_CALM) == 0:
        return plan
    return _with_faults(plan, KINDS, chance)
