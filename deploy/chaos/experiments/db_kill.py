"""The database dies."""

from deploy.chaos.experiment import DEGRADED, GOOD, HONEST, BreakerOpened, Expect, Experiment, Saw, Stage, Waited
from deploy.stacks.faults import Kill

EXPERIMENT = Experiment(
    name="db-kill",
    breaks="kill -9 of the database; it stays away, then starts again",
    hypothesis=(
        "No request fails. Writes are accepted and wait on the queue; reads are answered from copies that say so. "
        "When the database is back, all that was accepted is applied and clients get fresh answers by themselves."
    ),
    target="database",
    stages=[Stage("the database is killed", [Kill("database")])],
    during=[
        Expect("all", HONEST),
        Expect("writes", (GOOD,), 0.99),
        Expect("reads", (GOOD, DEGRADED), 0.95),
        Expect("external", (GOOD,), 0.95),
    ],
    must_see=[BreakerOpened("api", "database"), Saw("reads", DEGRADED), Waited(2)],
)
