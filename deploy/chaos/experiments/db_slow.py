"""The database answers too late."""

from deploy.chaos.experiment import DEGRADED, GOOD, HONEST, BreakerOpened, Expect, Experiment, Saw, Stage, Waited
from deploy.stacks.faults import Network

EXPERIMENT = Experiment(
    name="db-slow",
    breaks="every reply of the database is 800 ms late",
    hypothesis=(
        "Writes are accepted as fast as ever, for the queue takes them. Reads wait for the database no longer than "
        "their second and are then answered from marked copies; the breaker opens, no thread pool fills up, no "
        "request fails."
    ),
    target="database",
    stages=[Stage("every reply of the database is 800 ms late", [Network("database", {"down": {"latency_ms": 800}})])],
    during=[
        Expect("all", HONEST),
        Expect("writes", (GOOD,), 0.99),
        Expect("reads", (GOOD, DEGRADED), 0.95),
        Expect("external", (GOOD,), 0.95),
    ],
    must_see=[BreakerOpened("api", "database"), Saw("reads", DEGRADED), Waited(0.8)],
)
