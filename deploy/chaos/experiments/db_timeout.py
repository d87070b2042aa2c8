"""The database hangs."""

from deploy.chaos.experiment import DEGRADED, GOOD, HONEST, BreakerOpened, Expect, Experiment, Saw, Stage, Waited
from deploy.stacks.faults import Freeze

EXPERIMENT = Experiment(
    name="db-timeout",
    breaks="the database is frozen: it keeps its connections and sends nothing",
    hypothesis=(
        "No request hangs with it: each is answered within its deadline. Writes are accepted; reads come from marked "
        "copies, at once as soon as the breaker has opened."
    ),
    target="database",
    stages=[Stage("the database is frozen", [Freeze("database")])],
    during=[
        Expect("all", HONEST),
        Expect("writes", (GOOD,), 0.99),
        Expect("reads", (GOOD, DEGRADED), 0.95),
        Expect("external", (GOOD,), 0.95),
    ],
    must_see=[BreakerOpened("api", "database"), Saw("reads", DEGRADED), Waited(2)],
)
