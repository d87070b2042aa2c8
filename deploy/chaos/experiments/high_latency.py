"""The third party is slow and fails, and the network jitters."""

from deploy.chaos.experiment import DEGRADED, GOOD, BreakerOpened, Expect, Experiment, Saw, Stage
from deploy.stacks.faults import Behave, Network

EXPERIMENT = Experiment(
    name="high-latency",
    breaks="the third party fails half of the time and takes 2 to 4 s; the queue's replies are 0 to 40 ms late",
    hypothesis=(
        "The fault stays contained: external calls are answered from the last good answer, marked, and soon "
        "without waiting, because the breaker opens; reads and writes of users are served as usual, a little later."
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
        Expect("reads", (GOOD,), 0.99),
        Expect("writes", (GOOD,), 0.99),
        Expect("external", (GOOD, DEGRADED), 0.95),
    ],
    must_see=[BreakerOpened("external_proxy", "read"), Saw("external", DEGRADED)],
    duration_s=30.0,
)
