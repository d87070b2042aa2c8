"""The database answers, too late."""

from deploy.chaos.experiment import HONEST, BreakerOpened, Expect, Experiment, Network, Saw, Stage, Waited

EXPERIMENT = Experiment(
    name="db-slow",
    breaks="every reply of the database is 800 ms late",
    hypothesis=(
        "Writes are accepted as fast as ever, for the queue takes them. Reads wait for the database no longer than "
        "their second and are then answered from marked copies; the breaker opens, no thread pool fills up, nobody "
        "gets a failure."
    ),
    target="database",
    stages=[Stage("every reply of the database is 800 ms late", [Network("database", {"down": {"latency_ms": 800}})])],
    during=[
        Expect("all", HONEST),
        Expect("writes", ("good",), 0.99),
        Expect("reads", ("good", "degraded"), 0.95),
        Expect("external", ("good",), 0.95),
    ],
    must_see=[BreakerOpened("api", "database"), Saw("reads", "degraded"), Waited(0.8)],
)
