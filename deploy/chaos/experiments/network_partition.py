"""Parts of the system do not reach one another, while others do."""

from deploy.chaos.experiment import HONEST, Expect, Experiment, Network, Saw, Stage, Waited

_CUT = {"up": {"blackhole": True}, "down": {"blackhole": True}}

EXPERIMENT = Experiment(
    name="network-partition",
    breaks="writers do not reach the queue, then only its replies are lost; then the api does not reach the database",
    hypothesis=(
        "The api goes on accepting while the writers are cut off, and no entry is lost or applied twice, whichever "
        "direction is cut: what was delivered into the void is taken over later. Cut off from the database itself, the "
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
        Expect("writes", ("good",), 0.99),
        Expect("reads", ("good", "degraded"), 0.95),
        Expect("external", ("good",), 0.95),
    ],
    must_see=[Waited(2), Saw("reads", "degraded")],
    duration_s=30.0,
)
