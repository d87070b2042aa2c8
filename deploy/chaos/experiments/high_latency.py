"""Somebody else's service is slow and fails, and the network is uneven."""

from deploy.chaos.experiment import Behave, BreakerOpened, Expect, Experiment, Network, Saw, Stage

EXPERIMENT = Experiment(
    name="high-latency",
    breaks="the third party fails half of the time and takes 2 to 4 s; the queue's replies are 0 to 40 ms late",
    hypothesis=(
        "The trouble stays where it is: external calls are answered from the last good answer, marked, and soon "
        "without waiting, because the breaker opens; reads and writes of users are served as ever, a little later."
    ),
    target="third_party",
    stages=[
        Stage(
            "the third party is slow and fails every other time, the queue jitters",
            [
                Behave({"fault": "fail", "rate": 0.5, "latency_ms": 2000, "jitter_ms": 2000}),
                Network("queue", {"down": {"latency_ms": 20, "jitter_ms": 20}}),
            ],
        )
    ],
    during=[
        Expect("reads", ("good",), 0.99),
        Expect("writes", ("good",), 0.99),
        Expect("external", ("good", "degraded"), 0.95),
    ],
    must_see=[BreakerOpened("external_proxy", "read"), Saw("external", "degraded")],
    duration_s=30.0,
)
