"""Memory runs out: the queue's, then a writer's."""

from deploy.chaos.experiment import HONEST, Expect, Experiment, Fill, Restarted, Saw, Stage, Starve

EXPERIMENT = Experiment(
    name="memory-pressure",
    breaks="the queue is filled to its maxmemory; then the kernel kills a writer that is out of memory",
    hypothesis=(
        "A full queue throws nothing away: new writes are refused with 503 QUEUE_FULL, for certain and with a time to "
        "come back, what was accepted is applied, and reads go on. A writer that the kernel kills is started again, "
        "and its neighbours take over what it had in hand."
    ),
    target="queue",
    stages=[
        Stage("the queue is full", [Fill("queue")]),
        Stage("a writer runs out of memory", [Starve("writer")]),
    ],
    during=[Expect("all", HONEST), Expect("reads", ("good",), 0.95), Expect("external", ("good",), 0.95)],
    must_see=[Saw("writes", "rejected", "QUEUE_FULL"), Restarted("writer")],
)
