"""Provoked: small worlds in which a certain mistake would show. Each arranges what the mistake needs: a late process, a
reply that is lost at the wrong time, a person or a process that acts too early.

A share of the small worlds is drawn this way, with a generator of its own, so that all others stay the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random

from tests.simulation.kinds import DATABASE
from tests.simulation.plan import Fault, Plan
from tests.simulation.small import BUSY_S, LONG_S, OVER_AND_OVER, fault

#: One small world in so many is provoked.
_EACH = 4
#: Of the others, one in so many is provoked in a way that was added later.
_LATER_EACH = 5
#: Turns off the options of requests that would hide a mistake.
_PLAIN = {"conditional": 0.0, "expiring": 0.0, "hasty": 0.0, "external": 0.0}


def maybe_provoked(plan: Plan, chance: Random, chance_of_later: Random) -> Plan:
    """Return this plan, or one in which something is provoked."""
    if plan.shards > 1 or any(each.kind == "freeze_at_claim" for each in plan.faults):
        return plan
    for table, each, own in ((PROVOKED, _EACH, chance), (LATER_PROVOKED, _LATER_EACH, chance_of_later)):
        if not own.randrange(each):
            [provoked] = own.choices([*table], [*table.values()])
            return provoke(provoked, plan, own)
    return plan


def provoke(name: "Provoked", plan: Plan, chance: Random) -> Plan:
    """Return the plan, arranged for the named mistake."""
    mix = replace(plan.mix, **_PLAIN)
    plan = replace(plan, load_s=LONG_S, replicas=0, proxies=0, faults=(), pause_s=min(plan.pause_s, BUSY_S), mix=mix)
    plan = name(plan, chance)
    return replace(plan, faults=tuple(sorted(plan.faults, key=lambda each: each.at_s)))


def late(plan: Plan, chance: Random) -> Plan:
    """Freeze writers with writes in hand while others go on, and all want the same few values."""
    actions = {"create": 3.0, "patch": 3.0, "put": 2.0, "delete": 1.0}
    mix = replace(plan.mix, actions=actions, shared=1.0, contended=0.8, addresses=4)
    plan = replace(plan, writers=2, operators=(), mix=mix)
    asleep = (
        fault("freeze", plan, chance, at=at, for_s=chance.uniform(1, 3), target=target)
        for at, target in ((0.1, "writer-1"), (0.4, "writer-2"), (0.7, "writer-1"))
    )
    return replace(plan, faults=tuple(asleep))


def promised(plan: Plan, chance: Random) -> Plan:
    """Let writes die and leave their letters alone, while other writes want the values that are reserved for them."""
    mix = replace(plan.mix, actions={"create": 2.0, "patch": 4.0, "put": 2.0}, shared=1.0, contended=0.8, addresses=6)
    plan = replace(plan, operators=(), mix=mix)
    dying = fault("refuse_rows", plan, chance, at=0.2, for_s=3.5)
    return replace(plan, faults=(replace(dying, amount=2.0 + chance.choice((0.0, 0.5))),))


def in_doubt(plan: Plan, chance: Random) -> Plan:
    """Lose a reply of one store while the other store is down. Most clients have no key that would settle the doubt."""
    mix = replace(plan.mix, actions={"create": 3.0, "patch": 3.0, "read": 0.5}, keyed=0.2)
    plan = replace(plan, apis=1, operators=(), mix=mix)
    at = chance.uniform(0.15, 0.3)
    if chance.random() < 0.5:
        faults = (
            fault("die", plan, chance, at=at, for_s=5.0, target=DATABASE),
            fault("half", plan, chance, at=at + 0.1, for_s=3.0, target="api-1>queue"),
        )
    else:
        lost = fault("lose_answer", plan, chance, at=at, for_s=5.0)
        faults = (fault("die", plan, chance, at=at, for_s=5.0, target="queue"), replace(lost, amount=0.7))
    return replace(plan, faults=faults)


def torn(plan: Plan, chance: Random) -> Plan:
    """Cut the connections to a distant queue again and again, so that replies are lost and requests are repeated."""
    mix = replace(plan.mix, actions={"create": 3.0, "patch": 3.0, "read": 0.5})
    plan = replace(plan, apis=1, operators=(), mix=mix)
    far = fault("slow", plan, chance, at=0.02, for_s=8.0, target="api-1>queue")
    cuts = (fault("cut", plan, chance, at=0.1 + 0.1 * number, target="api-1>queue") for number in range(8))
    return replace(plan, faults=(replace(far, amount=0.15), *cuts))


def far_away(plan: Plan, chance: Random) -> Plan:
    """Put one api far away from the queue, and read through it what another api has just accepted."""
    mix = replace(plan.mix, actions={"create": 3.0, "read": 8.0}, shared=1.0, fresh=0.0)
    plan = replace(plan, apis=2, operators=(), mix=mix, pause_s=0.15)
    far = fault("slow", plan, chance, at=0.02, for_s=8.0, target="api-1>queue")
    return replace(plan, faults=(replace(far, amount=0.25),))


def handed_over(plan: Plan, chance: Random) -> Plan:
    """Replay and recall letters while writers sleep, or while dlq_admin loses replies or stays frozen."""
    mix = replace(plan.mix, actions=OVER_AND_OVER, shared=1.0, contended=0.0)
    plan = replace(plan, admins=2, operators=(0, 1), operator_pause_s=0.15, mix=mix)
    refused_rows = fault("refuse_rows", plan, chance, at=0.1, for_s=2.0)
    broken = (
        fault("half", plan, chance, at=at, for_s=chance.uniform(0.3, 1.5), target=f"admin-{1 + number % 2}>queue")
        for number, at in enumerate((0.4, 0.6, 0.8))
    )
    asleep = (fault("freeze", plan, chance, at=at, for_s=0.8, target="writer-1") for at in (0.45, 0.6, 0.75))
    unread = fault("freeze", plan, chance, at=0.5, for_s=7.0, target="admin-1")
    return replace(plan, faults=(refused_rows, *chance.choice(((*broken,), (*asleep,), (unread,)))))


def unindexed(plan: Plan, chance: Random) -> Plan:
    """Add letters while dlq_admin has no database, and kill it with the letters in memory."""
    plan = replace(plan, admins=1, operators=())
    away = fault("refuse", plan, chance, at=0.2, for_s=4.0, target="admin-1>database")
    poison = (fault("poison", plan, chance, at=0.25 + 0.05 * number) for number in range(2))
    ended = fault("kill", plan, chance, at=0.5, for_s=0.5, target="admin-1")
    return replace(plan, faults=(away, *poison, ended))


def refused(plan: Plan, chance: Random) -> Plan:
    """Let the database refuse the data of some users, among a backlog of other writes; or refuse the data of all."""
    mix = replace(plan.mix, actions=OVER_AND_OVER, shared=1.0, contended=0.0)
    plan = replace(plan, writers=1, operators=(), mix=mix, pause_s=0.15)
    these = fault("refuse_rows", plan, chance, at=0.25, for_s=4.0)
    if chance.random() < 0.5:
        return replace(plan, faults=(replace(these, amount=60.5),))
    away = fault("no_writers", plan, chance, at=0.3, for_s=2.0)
    return replace(plan, faults=(replace(these, amount=2.5), away))


def impatient(plan: Plan, chance: Random) -> Plan:
    """Break nothing, and let most clients hang up before their answers."""
    mix = replace(plan.mix, actions={"create": 2.0, "read": 4.0, "page": 3.0, "patch": 2.0}, hasty=0.9, fresh=0.5)
    plan = replace(plan, operators=(), mix=mix, pause_s=0.1)
    slow = fault("slow", plan, chance, at=0.02, for_s=8.0, target="clients>api-1")
    return plan if chance.random() < 0.5 else replace(plan, faults=(replace(slow, amount=0.1),))


def behind_its_time(plan: Plan, chance: Random) -> Plan:
    """Let an api whose clock was set back write directly to users that others wrote before."""
    mix = replace(plan.mix, actions=OVER_AND_OVER, shared=1.0, contended=0.0)
    plan = replace(plan, apis=2, operators=(), mix=mix)
    away = fault("die", plan, chance, at=0.4, for_s=4.0, target="queue")
    wrong = replace(fault("clock_jump", plan, chance, at=0.3, for_s=8.0, target="api-1"), amount=-15.0)
    return replace(plan, faults=(wrong, away))


def half_well(plan: Plan, chance: Random) -> Plan:
    """Let the third party fail half of its calls, or be late or mute, and call it all the time."""
    mix = replace(plan.mix, external=0.95, fresh=0.5, keyed=1.0)
    plan = replace(plan, proxies=1, operators=(), mix=mix, pause_s=0.15)
    kind = chance.choice(("partial", "late", "mute"))
    unwell = fault(kind, plan, chance, at=0.05, for_s=8.0)
    return replace(plan, faults=(replace(unwell, amount={"partial": 0.6, "late": 3.0, "mute": 1.0}[kind]),))


def counted(plan: Plan, chance: Random) -> Plan:
    """Read the ledger often, over a slow link, while writes end; or while second copies wait."""
    plan = replace(plan, admins=1, operators=(), audit_every_s=1.0, pause_s=0.15)
    slow = replace(fault("slow", plan, chance, at=0.02, for_s=8.5, target="admin-1>database"), amount=0.08)
    unread = fault("no_writers", plan, chance, at=0.4, for_s=4.0)
    twice = (replace(fault("twice", plan, chance, at=0.45 + 0.1 * number), amount=3.0) for number in range(2))
    return replace(plan, faults=chance.choice(((slow,), (unread, *twice))))


Provoked = Callable[[Plan, Random], Plan]
#: The provoked worlds, and their weights.
PROVOKED: Mapping[Provoked, int] = {
    late: 3, promised: 2, in_doubt: 3, torn: 2, far_away: 2, handed_over: 4, unindexed: 2, refused: 3, impatient: 1,
    behind_its_time: 2, half_well: 2, counted: 2,
}  # fmt: skip


def mid_read(plan: Plan, chance: Random) -> Plan:
    """Freeze apis between two answers of the stores, while writers apply what the apis are asked for."""
    mix = replace(plan.mix, actions={"create": 3.0, "patch": 1.0, "read": 8.0, "page": 1.0}, shared=1.0, fresh=0.5)
    plan = replace(plan, apis=2, operators=(), mix=mix, pause_s=0.15)
    return replace(plan, faults=(*_frozen(plan, chance, ("api-1", "api-2"), 16, (0.2, 0.6)),))


def mid_step(plan: Plan, chance: Random) -> Plan:
    """Freeze writers between two answers of the stores, also within a transaction, for long enough that others take
    over what they have in hand, and sometimes while the database refuses some users."""
    mix = replace(plan.mix, actions=OVER_AND_OVER, shared=1.0, contended=chance.choice((0.0, 0.6)))
    plan = replace(plan, writers=2, operators=chance.choice(((), (0,))), mix=mix)
    refused_rows = fault("refuse_rows", plan, chance, at=0.1, for_s=5.0)
    asleep = _frozen(plan, chance, ("writer-1", "writer-2"), 3, (3.5, 6.0))
    return replace(plan, faults=(*chance.choice(((), (refused_rows,))), *asleep))


def mid_audit(plan: Plan, chance: Random) -> Plan:
    """Freeze dlq_admins between two answers of the stores, while they read the ledger, index letters and drive
    replays."""
    mix = replace(plan.mix, actions=OVER_AND_OVER, shared=1.0, contended=0.0)
    plan = replace(plan, admins=2, operators=(0, 1), operator_pause_s=0.2, mix=mix, audit_every_s=1.0, pause_s=0.2)
    refused_rows = fault("refuse_rows", plan, chance, at=0.1, for_s=2.0)
    lasts_s = chance.choice(((0.2, 1.0), (5.5, 7.0)))  # shorter than a lease, or longer
    return replace(plan, faults=(refused_rows, *_frozen(plan, chance, ("admin-1", "admin-2"), 5, lasts_s)))


def _frozen(
    plan: Plan, chance: Random, targets: Sequence[str], count: int, lasts_s: tuple[float, float]
) -> Iterator[Fault]:
    """Yield freezes after some answer of a store, spread over the load, of each target in turn."""
    for number in range(count):
        kind = chance.choice(("freeze_after_query", "freeze_after_query", "freeze_after_reply"))
        at = (0.1 + 0.8 * number / count) + chance.uniform(0, 0.03)
        target = targets[number % len(targets)]
        yield fault(kind, plan, chance, at=at, for_s=chance.uniform(*lasts_s), target=target)


def taken(plan: Plan, chance: Random) -> Plan:
    """Let somebody who is no writer read entries and claim them, again and again, some of a writer that sleeps."""
    mix = replace(plan.mix, actions=OVER_AND_OVER | {"create": 2.0}, shared=0.5, contended=0.0)
    plan = replace(plan, writers=2, operators=(), mix=mix, pause_s=0.15)
    asleep = fault("freeze", plan, chance, at=0.15, for_s=chance.uniform(1, 6), target="writer-1")
    by_hand = (fault("taken", plan, chance, at=0.17 + 0.09 * number) for number in range(8))
    return replace(plan, faults=(asleep, *by_hand))


def hurried(plan: Plan, chance: Random) -> Plan:
    """Ask for answers within a short time, while links to the stores are silent or slow, or a store does not answer."""
    actions = {"create": 2.0, "patch": 2.0, "read": 4.0, "page": 2.0, "by_email": 1.0, "operation": 1.0}
    mix = replace(plan.mix, actions=actions, hurried=0.9, fresh=0.5, shared=1.0, keyed=chance.choice((0.3, 1.0)))
    plan = replace(plan, operators=(), mix=mix, pause_s=0.15)
    links = [f"api-{number}>{store}" for number in range(1, plan.apis + 1) for store in ("queue", "cache", "database")]
    kinds = chance.choices(("hang", "half", "slow", "stall", "lock_wait"), (3, 3, 2, 2, 1), k=3)
    on_links = ("hang", "half", "slow")
    faults = (
        fault(kind, plan, chance, at=0.1 + 0.3 * number, for_s=chance.uniform(0.5, 4),
              target=chance.choice(links) if kind in on_links else None)
        for number, kind in enumerate(kinds)
    )  # fmt: skip
    return replace(plan, faults=tuple(faults))


def renamed(plan: Plan, chance: Random) -> Plan:
    """Put the write stream aside, and put it back in place of the one that was made meanwhile, while an auditor looks
    and few or no writers run."""
    mix = replace(plan.mix, actions={"create": 3.0, "put": 2.0, "patch": 1.0, "read": 1.0})
    plan = replace(plan, operators=(), mix=mix, audit_every_s=1.0)
    unread = fault("no_writers", plan, chance, at=0.05, for_s=chance.choice((2.0, 4.0)))
    aside = fault("renamed", plan, chance, at=chance.uniform(0.3, 0.45), for_s=chance.uniform(1.5, 3))
    return replace(plan, faults=(unread, aside))


#: The worlds that were added later, and their weights.
LATER_PROVOKED: Mapping[Provoked, int] = {mid_read: 2, mid_step: 3, mid_audit: 3, taken: 2, hurried: 2, renamed: 2}
