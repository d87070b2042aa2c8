"""The database dies."""

from deploy.chaos.experiment import HONEST, BreakerOpened, Expect, Experiment, Kill, Saw, Stage, Waited

EXPERIMENT = Experiment(
    name="db-kill",
    breaks="kill -9 of the database; it stays away, then starts again",
    hypothesis=(
        "Nobody gets a failure. Writes are accepted and wait on the queue; reads are answered from copies that say so. "
        "When the database is back, all that was accepted is applied and clients get fresh answers by themselves."
    ),
    target="database",
    stages=[Stage("the database is killed", [Kill("database")])],
    during=[
        Expect("all", HONEST),
        Expect("writes", ("good",), 0.99),
        Expect("reads", ("good", "degraded"), 0.95),
        Expect("external", ("good",), 0.95),
    ],
    must_see=[BreakerOpened("api", "database"), Saw("reads", "degraded"), Waited(2)],
)
