"""Small: worlds of one or two processes of a kind, few clients, few seconds and few faults. A run of one costs a
fraction of a large one, and most mistakes need no more: two writes, two processes, one or two faults. Some worlds are
arranged to bring about what few draws would, because it takes several faults or operators in the right order."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from tests.simulation.kinds import (
    ARRANGED,
    DATABASE,
    KINDS,
    LATER,
    OUTSIDE,
    QUEUE,
    REPLICATED,
    WRITERS,
    Kind,
    log_uniform,
)
from tests.simulation.mixes import draw_mix
from tests.simulation.plan import Fault, Mix, Plan
from tests.simulation.targets import fault_of

#: Among the worlds that are not arranged, one in so many has no fault.
_CALM = 15
#: Among those that may have one, one in so many has a database of two nodes, one of which lags.
_IN_STEP = 8
#: Possible numbers of faults of the others.
_FAULTS = (1, 2, 2, 3, 4)
#: Share of actions that the clients of a run leave out. They do more of the rest.
_LEFT_OUT = 0.35
#: Readings of the ledger cost more than anything else that runs by itself, so they are made half as often as by
#: default.
_AUDIT_EVERY_S = 4.0
#: Seconds of load for what needs time to come about.
LONG_S = 9.0
#: Actions that replace all of a user again and again, and the longest mean pause of a busy client.
OVER_AND_OVER = {"create": 0.15, "put": 5.0, "patch": 1.0, "delete": 0.1, "read": 0.3}
BUSY_S = 0.35
#: Among the worlds with several partitions on one server, one in so many has a claim that is swept.
_SWEPT = 12
#: Stores that take writes.
_WRITTEN = (QUEUE, DATABASE)


def draw_small(seed: int) -> Plan:
    """Return the plan of this seed as a small world."""
    chance = Random(f"small {seed}")
    clients, load_s = chance.randint(2, 5), round(log_uniform(chance, 3, 9), 1)
    plan = Plan(
        seed=seed, apis=chance.choice((1, 1, 2)), writers=chance.choice((1, 1, 2)), admins=chance.choice((1, 1, 2)),
        clients=tuple(range(clients)), operators=tuple(range(chance.choice((0, 1, 2)))), load_s=load_s,
        pause_s=round(clients * load_s / log_uniform(chance, 15, 80), 3), mix=_some(draw_mix(chance), chance),
        patience_s=chance.choice((13.0, 13.0, 20.0)), faults=(), proxies=chance.choice((0, 0, 1)),
        replicas=chance.choice((0, 0, 1)), operator_pause_s=0.5, audit_every_s=_AUDIT_EVERY_S,
    )  # fmt: skip
    if plan.proxies:
        plan = replace(plan, mix=replace(plan.mix, external=round(chance.uniform(0.2, 0.7), 2)))
    [arranged] = chance.choices([*_ARRANGED], [*_ARRANGED.values()])
    plan = arranged(plan, chance)
    if arranged in (_any, _asleep, _backlog):
        plan = _maybe_behind(plan, Random(f"behind {seed}"))
    return replace(plan, faults=tuple(sorted(plan.faults, key=lambda fault: fault.at_s)))


def _some(mix: Mix, chance: Random) -> Mix:
    """Draw the actions. Creates are always among them, because the others need users."""
    kept = {name: weight for name, weight in mix.actions.items() if name == "create" or chance.random() > _LEFT_OUT}
    return replace(mix, actions=kept, conditional=chance.choice((0.0, 0.3, 0.7)))


def _any(plan: Plan, chance: Random) -> Plan:
    """Draw a few faults of any kind, at any time."""
    if chance.randrange(_CALM) == 0:
        return plan
    return _with_any(plan, chance, chance.choice(_FAULTS))


def _store_down(plan: Plan, chance: Random) -> Plan:
    """Take one store down and leave the rest healthy, so that promise 4 can be judged."""
    plan = replace(plan, load_s=LONG_S, mix=replace(plan.mix, fresh=0.0))
    return replace(
        plan, faults=(fault(chance.choice(("die", "stall")), plan, chance, at=0.2, for_s=chance.uniform(2, 8)),)
    )


def _stores_down(plan: Plan, chance: Random) -> Plan:
    """Take queue and database down at the same time."""
    down = (fault("die", plan, chance, at=chance.uniform(0.1, 0.3), for_s=5.0, target=each) for each in _WRITTEN)
    return replace(plan, faults=tuple(down))


def _letters(plan: Plan, chance: Random) -> Plan:
    """Make dead letters, and two operators who act on them at once."""
    plan = replace(plan, load_s=LONG_S, operators=(0, 1), operator_pause_s=0.3)
    names = (chance.choice(("poison", "flood")), "poison")
    faults = (fault(name, plan, chance, at=0.1 + 0.2 * number) for number, name in enumerate(names))
    plan = replace(plan, faults=tuple(faults))
    return _with_any(plan, chance, chance.choice((0, 0, 1)))


def _quorum_lost(plan: Plan, chance: Random) -> Plan:
    """Let the database's node lose its quorum while writes come."""
    plan = replace(plan, load_s=LONG_S, pause_s=min(plan.pause_s, BUSY_S))
    lost = fault("no_quorum", plan, chance, at=chance.uniform(0.1, 0.4), for_s=chance.uniform(2, 5))
    return _with_any(replace(plan, faults=(lost,)), chance, chance.choice((0, 0, 1)))


def _maybe_behind(plan: Plan, chance: Random) -> Plan:
    """Give some worlds a database of two nodes, one of which lags for a while."""
    if chance.randrange(_IN_STEP):
        return plan
    late = fault("behind", plan, chance, at=chance.uniform(0.05, 0.4), for_s=chance.uniform(2, 6))
    return replace(plan, faults=(late, *plan.faults[: max(_FAULTS) - 1]))


def maybe_swept(plan: Plan, chance: Random) -> Plan:
    """In some worlds with several partitions, freeze an api between the claim of a value and the acceptance of its
    write, until the claim is swept and other writes have the value."""
    if plan.partitions == 1 or plan.shards > 1 or chance.randrange(_SWEPT):
        return plan
    actions = {"create": 4.0, "patch": 2.0, "put": 2.0, "delete": 0.5, "read": 0.5}
    mix = replace(plan.mix, actions=actions, contended=0.8, addresses=2, conditional=0.0, expiring=0.0, external=0.0)
    plan = replace(
        plan, apis=2, admins=1, load_s=LONG_S, pause_s=min(plan.pause_s, BUSY_S), mix=mix, faults=(), replicas=0,
    )  # fmt: skip
    asleep = fault("freeze_at_claim", plan, chance, at=chance.uniform(0.05, 0.3), target="api-1")
    plan = _with_any(replace(plan, faults=(asleep,)), chance, chance.choice((0, 0, 1)))
    return replace(plan, faults=tuple(sorted(plan.faults, key=lambda fault: fault.at_s)))


def _memory_lost(plan: Plan, chance: Random) -> Plan:
    """Let the queue lose entries that no writer has applied and an auditor has seen."""
    plan = replace(plan, load_s=LONG_S, replicas=0, audit_every_s=_AUDIT_EVERY_S / 2)
    faults = (
        fault("no_writers", plan, chance, at=0.05, for_s=8.0),
        fault(chance.choice(("wipe", "lose_last")), plan, chance, at=chance.uniform(0.6, 0.8)),
    )
    return replace(plan, faults=faults)


def _failed_over(plan: Plan, chance: Random) -> Plan:
    """Cut the replica off while writes come and no writer runs, and then promote it."""
    plan = replace(plan, load_s=LONG_S, replicas=1, pause_s=min(plan.pause_s, BUSY_S))
    faults = (
        fault("no_writers", plan, chance, at=0.05, for_s=7.0),
        fault("replica_cut", plan, chance, at=chance.uniform(0.1, 0.25), for_s=6.0),
        fault(chance.choice(("failover", "split")), plan, chance, at=chance.uniform(0.4, 0.65)),
    )
    return replace(plan, faults=faults)


def _asleep(plan: Plan, chance: Random) -> Plan:
    """Freeze writers with writes in hand, while later writes to the same users come and wait behind them."""
    mix = replace(plan.mix, actions=OVER_AND_OVER, shared=1.0, contended=0.0, conditional=0.0, expiring=0.0)
    plan = replace(plan, load_s=LONG_S, writers=2, mix=mix, pause_s=min(plan.pause_s, BUSY_S))
    faults = (
        fault("freeze", plan, chance, at=at + chance.uniform(0, 0.1), for_s=chance.uniform(1, 3), target=target)
        for at, target in ((0.2, "writer-1"), (0.45, "writer-2"), (0.7, "writer-1"))
    )
    plan = replace(plan, faults=tuple(faults))
    return _with_any(plan, chance, chance.choice((0, 0, 1)))


def _overtaken(plan: Plan, chance: Random) -> Plan:
    """Let writes die because the database refuses their users; let later writes to the same users be applied; let
    operators replay the letters."""
    mix = replace(plan.mix, actions=OVER_AND_OVER, shared=1.0, contended=0.0, conditional=0.0, expiring=0.0)
    plan = replace(plan, load_s=LONG_S, operators=(0, 1), mix=mix, pause_s=min(plan.pause_s, BUSY_S))
    faults = (fault("refuse_rows", plan, chance, at=chance.uniform(0.1, 0.2), for_s=chance.uniform(3, 4)),)
    plan = replace(plan, faults=faults)
    return _with_any(plan, chance, chance.choice((0, 0, 1)))


def _side_by_side(plan: Plan, chance: Random) -> Plan:
    """Start writers of an older build, beside newer ones or alone, while writes are queued that they do not know."""
    mix = replace(plan.mix, actions=OVER_AND_OVER | {"create": 1.0}, conditional=0.0, expiring=0.0)
    plan = replace(plan, load_s=LONG_S, mix=mix, pause_s=min(plan.pause_s, BUSY_S))
    away_s = chance.uniform(1, 2)
    faults = [fault("no_writers", plan, chance, at=0.1, for_s=away_s)]
    faults += [
        fault("older_build", plan, chance, at=0.1 + away_s / plan.load_s, for_s=chance.uniform(2, 5), target=target)
        for target in (f"{WRITERS}-{1 + number}" for number in range(chance.randint(1, plan.writers)))
    ]
    plan = replace(plan, faults=tuple(faults))
    return _with_any(plan, chance, chance.choice((0, 0, 1)))


def _moving(plan: Plan, chance: Random) -> Plan:
    """Make the queue a cluster, and move slots of it."""
    plan = replace(plan, load_s=LONG_S, shards=3, replicas=0, pause_s=min(plan.pause_s, BUSY_S))
    faults = (
        fault("move_slot", plan, chance, at=at + chance.uniform(0, 0.1), for_s=chance.uniform(0.5, 3))
        for at in (0.1, 0.5, 0.6)
    )
    plan = replace(plan, faults=tuple(faults))
    return _with_any(plan, chance, chance.choice((0, 0, 1)))


def _backlog(plan: Plan, chance: Random) -> Plan:
    """Let writers come back to more than one write at a time, some of which the database refuses."""
    actions = plan.mix.actions | {"create": max(plan.mix.actions.values())}
    plan = replace(plan, load_s=LONG_S, mix=replace(plan.mix, actions=actions), pause_s=min(plan.pause_s, BUSY_S))
    away_s = chance.uniform(2, 4)
    refused = fault("deadlock", plan, chance, at=0.1 + away_s / plan.load_s, for_s=chance.uniform(2, 4))
    faults = (
        fault("no_writers", plan, chance, at=0.1, for_s=away_s),
        replace(refused, amount=round(chance.uniform(0.3, 0.6), 3)),
    )
    plan = replace(plan, faults=faults)
    return _with_any(plan, chance, chance.choice((0, 0, 1)))


#: The ways to arrange a world, and the share of seeds for each.
_ARRANGED: Mapping[Callable[[Plan, Random], Plan], int] = {
    _asleep: 5, _backlog: 6, _overtaken: 6, _moving: 6, _side_by_side: 4, _quorum_lost: 3, _failed_over: 4, _any: 30,
    _store_down: 10, _stores_down: 4, _letters: 14, _memory_lost: 8,
}  # fmt: skip


def fault(
    name: str, plan: Plan, chance: Random, *, at: float, for_s: float | None = None, target: str | None = None
) -> Fault:
    """Return a fault of this kind, after this share of the load. A duration of None is drawn."""
    drawn = fault_of(name, {**ARRANGED, **_possible(plan)}[name], plan, chance)
    return replace(
        drawn, at_s=round(at * plan.load_s, 3), for_s=drawn.for_s if for_s is None else round(for_s, 3),
        target=target or drawn.target,
    )  # fmt: skip


def _with_any(plan: Plan, chance: Random, count: int) -> Plan:
    kinds = _possible(plan)
    names = chance.choices([*kinds], [kind.often for kind in kinds.values()], k=count)
    return replace(plan, faults=(*plan.faults, *(fault_of(name, kinds[name], plan, chance) for name in names)))


def _possible(plan: Plan) -> Mapping[str, Kind]:
    """Return the kinds of faults that fit the plan. With replicas, a failover loses what the replica lacked."""
    kinds = KINDS | LATER | (OUTSIDE if plan.proxies else {})
    if plan.shards > 1:  # no server of a cluster has a replica, and data loss of a single server is not part of this
        kinds = {name: kind for name, kind in kinds.items() if not kind.forgets}
    if plan.replicas:
        kinds = {name: kind for name, kind in kinds.items() if name != "lose_last"} | REPLICATED
    return kinds
