"""The experiments of `make chaos-<name>`."""

from deploy.chaos.experiment import (
    DEGRADED,
    GOOD,
    HONEST,
    REJECTED,
    BreakerOpened,
    Expect,
    Experiment,
    Moved,
    Restarted,
    Saw,
    Slower,
    Stage,
    Waited,
)
from deploy.stacks.faults import Behave, CutOff, Fill, Freeze, Kill, KillPrimary, Network, Starve, Throttle

#: What clients get while a store is down: writes are queued, and reads come from copies.
_STORE_AWAY = (
    Expect("all", HONEST),
    Expect("writes", (GOOD,), 0.99),
    Expect("reads", (GOOD, DEGRADED), 0.95),
    Expect("external", (GOOD,), 0.95),
)
#: What clients get during a failover: copies for a short time only, and no refusals.
_NODE_AWAY = (
    Expect("all", HONEST),
    Expect("writes", (GOOD,), 0.97),
    Expect("reads", (GOOD, DEGRADED), 0.97),
    Expect("external", (GOOD,), 0.95),
)
_CUT = {"up": {"blackhole": True}, "down": {"blackhole": True}}

_EXPERIMENTS = (
    # The database dies.
    Experiment(
        name="db-kill",
        breaks="kill -9 of the database; it stays away, then starts again",
        hypothesis=(
            "No request fails. Writes are accepted and wait on the queue; reads are answered from copies that say so. "
            "When the database is back, all that was accepted is applied and clients get fresh answers by themselves."
        ),
        target="database",
        stages=[Stage("the database is killed", [Kill("database")])],
        during=_STORE_AWAY,
        must_see=[BreakerOpened("api", "database"), Saw("reads", DEGRADED), Waited(2)],
    ),
    # The database answers too late.
    Experiment(
        name="db-slow",
        breaks="every reply of the database is 800 ms late",
        hypothesis=(
            "Writes are accepted as fast as ever, for the queue takes them. Reads wait for the database no longer than "
            "their second and are then answered from marked copies; the breaker opens, no thread pool fills up, no "
            "request fails."
        ),
        target="database",
        stages=[
            Stage("every reply of the database is 800 ms late", [Network("database", {"down": {"latency_ms": 800}})])
        ],
        during=_STORE_AWAY,
        must_see=[BreakerOpened("api", "database"), Saw("reads", DEGRADED), Waited(0.8)],
    ),
    # The database hangs.
    Experiment(
        name="db-timeout",
        breaks="the database is frozen: it keeps its connections and sends nothing",
        hypothesis=(
            "No request hangs with it: each is answered within its deadline. Writes are accepted; reads come from "
            "marked copies, at once as soon as the breaker has opened."
        ),
        target="database",
        stages=[Stage("the database is frozen", [Freeze("database")])],
        during=_STORE_AWAY,
        must_see=[BreakerOpened("api", "database"), Saw("reads", DEGRADED), Waited(2)],
    ),
    # Some parts of the system cannot reach one another, while others can.
    Experiment(
        name="network-partition",
        breaks="writers do not reach the queue, then only its replies are lost; then the api does not reach the "
        "database",
        hypothesis=(
            "The api goes on accepting while the writers are cut off, and no entry is lost or applied twice, whichever "
            "direction is cut: entries whose delivery was lost are reclaimed later. Cut off from the database itself, "
            "the api reads from marked copies while the writers, who reach it, go on applying."
        ),
        target="network",
        stages=[
            Stage("writers and queue: nothing gets through, either way", [Network("queue", _CUT, of="writer")]),
            Stage(
                "writers and queue: commands arrive, replies do not",
                [Network("queue", {"down": {"blackhole": True}}, of="writer")],
            ),
            Stage("api and database: nothing gets through", [Network("database", _CUT, of="api")]),
        ],
        during=_STORE_AWAY,
        must_see=[Waited(2), Saw("reads", DEGRADED)],
        duration_s=30.0,
    ),
    # The third party is slow and fails, and the network jitters.
    Experiment(
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
    ),
    # Memory runs out: the queue's, then a writer's.
    Experiment(
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
    ),
    # There is hardly any CPU.
    Experiment(
        name="cpu-spike",
        breaks="api and writers share a fifth of a core with a burner that wants all of it",
        hypothesis=(
            "What cannot be done in time is refused at the door, quickly and with a time to come back, instead of "
            "making every client wait; nothing fails and nothing is lost, and when the CPU is back everything is as "
            "before."
        ),
        target="host",
        stages=[Stage("api and writers are throttled", [Throttle(["api", "writer"], cores=0.2)])],
        during=[Expect("all", HONEST, 0.97), Expect("all", (GOOD, DEGRADED), 0.3)],
        must_see=[Slower(2)],
    ),
    # The queue's primary dies; a replica takes its place.
    Experiment(
        name="queue-primary-kill",
        breaks="kill -9 of the queue's primary; it comes back as a replica",
        hypothesis=(
            "No request fails and no acknowledged write is lost, because a replica has each of them. Until Sentinel "
            "has made a replica the primary, writes go straight to the database; then they are queued there."
        ),
        target="queue",
        stages=[Stage("the queue's primary is killed", [KillPrimary("queue")])],
        during=_NODE_AWAY,
        must_see=[BreakerOpened("api", "queue"), Moved("queue")],
        of_nodes=True,
    ),
    # The database's node that is written to dies; the others have all of it.
    Experiment(
        name="db-primary-kill",
        breaks="kill -9 of the database's node that is in use; it comes back and catches up",
        hypothesis=(
            "No request fails and no acknowledged write is lost: the services go on with the next node that takes "
            "writes. Until it does, writes wait on the queue and reads come from copies that say so."
        ),
        target="database",
        stages=[Stage("the database's node in use is killed", [KillPrimary("database")])],
        during=_NODE_AWAY,
        must_see=[Moved("database")],
        of_nodes=True,
    ),
    # The queue's primary is alone with its clients.
    Experiment(
        name="queue-partition",
        breaks="the queue's primary is cut off from its replicas and from the Sentinels, and not from its clients",
        hypothesis=(
            "The old primary acknowledges nothing that will not hold: no replica has it, so the write goes to the "
            "database instead. Sentinel makes another node the primary and clients follow it. When the old one is "
            "reached again it follows too, drops what only it had, and no acknowledged write is missing."
        ),
        target="queue",
        stages=[Stage("the queue's primary is cut off from the other nodes", [CutOff()])],
        during=_NODE_AWAY,
        must_see=[BreakerOpened("api", "queue_replicas"), Moved("queue")],
        of_nodes=True,
    ),
)

ALL: dict[str, Experiment] = {each.name: each for each in _EXPERIMENTS}
