"""There is hardly any CPU."""

from deploy.chaos.experiment import HONEST, Expect, Experiment, Slower, Stage, Throttle

EXPERIMENT = Experiment(
    name="cpu-spike",
    breaks="api and writers share a fifth of a core with a burner that wants all of it",
    hypothesis=(
        "What cannot be done in time is refused at the door, quickly and with a time to come back, instead of making "
        "everybody wait; nothing fails and nothing is lost, and when the CPU is back all of it goes as before."
    ),
    target="host",
    stages=[Stage("api and writers are throttled", [Throttle(["api", "writer"], cores=0.2)])],
    during=[Expect("all", HONEST, 0.97), Expect("all", ("good", "degraded"), 0.3)],
    must_see=[Slower(2)],
)
