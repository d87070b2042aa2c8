"""There is hardly any CPU."""

from deploy.chaos.experiment import DEGRADED, GOOD, HONEST, Expect, Experiment, Slower, Stage
from deploy.stacks.faults import Throttle

EXPERIMENT = Experiment(
    name="cpu-spike",
    breaks="api and writers share a fifth of a core with a burner that wants all of it",
    hypothesis=(
        "What cannot be done in time is refused at the door, quickly and with a time to come back, instead of making "
        "every client wait; nothing fails and nothing is lost, and when the CPU is back everything is as before."
    ),
    target="host",
    stages=[Stage("api and writers are throttled", [Throttle(["api", "writer"], cores=0.2)])],
    during=[Expect("all", HONEST, 0.97), Expect("all", (GOOD, DEGRADED), 0.3)],
    must_see=[Slower(2)],
)
