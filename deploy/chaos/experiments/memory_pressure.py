"""Memory runs out: the queue's, then a writer's."""

from deploy.chaos.experiment import GOOD, HONEST, REJECTED, Expect, Experiment, Restarted, Saw, Stage
from deploy.stacks.faults import Fill, Starve

EXPERIMENT = Experiment(
    name="memory-pressure",
    breaks="the queue is filled to its maxmemory; then the kernel kills a writer that is out of memory",
    hypothesis=(
        "A full queue drops nothing: new writes are refused with 503 QUEUE_FULL, definitely and with a time to "
        "retry, what was accepted is applied, and reads go on. A writer that the kernel kills is started again, "
        "and the other writers take over its pending entries."
    ),
    target="queue",
    stages=[
        Stage("the queue is full", [Fill("queue")]),
        Stage("a writer runs out of memory", [Starve("writer")]),
    ],
    during=[Expect("all", HONEST), Expect("reads", (GOOD,), 0.95), Expect("external", (GOOD,), 0.95)],
    must_see=[Saw("writes", REJECTED, "QUEUE_FULL"), Restarted("writer")],
)
