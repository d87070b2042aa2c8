"""Some parts of the system cannot reach one another, while others can."""

from deploy.chaos.experiment import DEGRADED, GOOD, HONEST, Expect, Experiment, Saw, Stage, Waited
from deploy.stacks.faults import Network

_CUT = {"up": {"blackhole": True}, "down": {"blackhole": True}}

EXPERIMENT = Experiment(
    name="network-partition",
    breaks="writers do not reach the queue, then only its replies are lost; then the api does not reach the database",
    hypothesis=(
        "The api goes on accepting while the writers are cut off, and no entry is lost or applied twice, whichever "
        "direction is cut: entries whose delivery was lost are reclaimed later. Cut off from the database itself, the "
        "api reads from marked copies while the writers, who reach it, go on applying."
    ),
    target="network",
    stages=[
        Stage("writers and queue: nothing gets through, either way", [Network("queue", _CUT, of="writer")]),
        Stage(
            "writers and queue: commands arrive, replies do not",
            [Network("queue", {"down": {"blackhole": True}}, of="writer")],
        ),
        Stage("api and database: nothing gets through", [Network("database", _CUT, of="api")]),
    ],
    during=[
        Expect("all", HONEST),
        Expect("writes", (GOOD,), 0.99),
        Expect("reads", (GOOD, DEGRADED), 0.95),
        Expect("external", (GOOD,), 0.95),
    ],
    must_see=[Waited(2), Saw("reads", DEGRADED)],
    duration_s=30.0,
)
