"""The database hangs."""

from deploy.chaos.experiment import HONEST, BreakerOpened, Expect, Experiment, Freeze, Saw, Stage, Waited

EXPERIMENT = Experiment(
    name="db-timeout",
    breaks="the database is frozen: connections stand, nothing comes",
    hypothesis=(
        "No request hangs with it: each is answered within its deadline. Writes are accepted; reads come from marked "
        "copies, at once as soon as the breaker has opened."
    ),
    target="database",
    stages=[Stage("the database is frozen", [Freeze("database")])],
    during=[
        Expect("all", HONEST),
        Expect("writes", ("good",), 0.99),
        Expect("reads", ("good", "degraded"), 0.95),
        Expect("external", ("good",), 0.95),
    ],
    must_see=[BreakerOpened("api", "database"), Saw("reads", "degraded"), Waited(2)],
)
