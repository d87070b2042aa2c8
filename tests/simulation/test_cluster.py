"""The queue is a Redis Cluster, and its slots move while clients write."""

from dataclasses import replace

from tests.simulation.draw import draw
from tests.simulation.plan import SMALL, Cut, Fault, Plan
from tests.simulation.run import run


def _plan() -> Plan:
    """Return a plan with three clients, which mostly write."""
    plan = draw(1, SMALL)
    mix = replace(plan.mix, keyed=0.3, conditional=0.0, expiring=0.0, hasty=0.0, external=0.0)
    return replace(
        plan, apis=1, writers=1, admins=1, proxies=0, replicas=0, partitions=2, shards=3, clients=(0, 1, 2),
        operators=(), load_s=8.0, pause_s=0.2, mix=mix,
        faults=(Fault(1.0, "move_slot", "queue", 2.0), Fault(4.0, "move_slot", "queue", 1.0)),
    )  # fmt: skip


def test_slots_move_under_writes() -> None:
    """A write that meets a slot which is in two places is refused by the cluster and goes to the database. After the
    move no promise is broken."""
    result = run(_plan(), Cut())
    assert not result.violations
    assert result.seen["cluster:TRYAGAIN"] + result.seen["cluster:ASK"]
    assert result.seen["answer:direct"]
    assert result.seen["answer:202"]
