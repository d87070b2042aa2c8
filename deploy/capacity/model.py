"""The model: computes from a load and the costs what each part of the system needs, and which part is full first. Pure.

Processor time is taken as linear in the rate, which is on the safe side: writes that arrive together share round trips,
so each costs less at a higher rate. Forced writes to disk are not linear: the number of writes that share one grows
with the rate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from deploy.capacity.costs import Costs

#: How busy a core may be on average. Beyond it, waiting grows faster than work.
BUSY_MAX = 0.6
#: dlq_admin pauses after each step for as long as the step took.
_RESTS = 0.5
_DAY_S = 86_400
#: Seconds for which the queue keeps the record of a key after the end of its operation, and the greatest size of the
#: traces of used keys: see shared/queue/lua/keys.lua.
_KEY_RECORD_S = 300
_KEY_TRACES_BYTES = 3 * 8192 * 2048
_US = 1e6
RATE_MAX, DAYS_MAX = 1e7, 36_500.0


@dataclass(frozen=True, slots=True)
class Load:
    """The load. Raises ValueError, with a sentence for a person, if it makes no sense."""

    #: Writes per second, on average over the busiest hour.
    rate: float
    #: Days for which ended operations and tombstones are kept.
    retention: float
    #: Reads by id per second.
    reads: float
    #: Share of writes with an Idempotency-Key.
    keyed: float = 1.0
    #: Hours for which writes can be queued while the database is down.
    outage_hours: float = 1.0
    #: Share of writes that create an entity which stays.
    growth: float = 0.1
    #: Forced writes per second that one disk can do.
    disk_fsyncs: float = 250.0
    #: Cores of the database's machine.
    database_cores: float = 16.0

    def __post_init__(self) -> None:
        for name, unit, least, most in (
            ("rate", "writes/s", 0.001, RATE_MAX),
            ("retention", "days", 0.01, DAYS_MAX),
            ("reads", "reads/s", 0, RATE_MAX),
            ("keyed", "a share", 0, 1),
            ("outage_hours", "hours", 0, 24 * 30),
            ("growth", "a share", 0, 1),
            ("disk_fsyncs", "fsyncs/s", 1, 1e7),
            ("database_cores", "cores", 1, 4096),
        ):
            value = getattr(self, name)
            if not least <= value <= most:  # NaN fails both comparisons
                raise ValueError(f"{name.upper()} is {unit}, from {least:g} to {most:,.0f}; not {value}")


@dataclass(frozen=True, slots=True)
class Need:
    """The need of one part. `at_most`: the rate at which one unit of it is full, if units cannot simply be added."""

    part: str
    amount: float
    unit: str
    moved_by: str
    at_most: float = math.inf


def needs(load: Load, costs: Costs) -> Sequence[Need]:
    """Return the needs, in the order in which a write passes the parts."""
    rate, reads = load.rate, load.reads

    def cores(write_us: float, read_us: float = 0.0) -> float:
        return (rate * write_us + reads * read_us) / _US

    def full_at(busy: float, cores: float) -> float:
        """Return the rate at which these cores are as busy as they may be, if reads grow with writes."""
        return rate * BUSY_MAX * cores / busy if busy else math.inf

    api, writer = cores(costs.api_write_us, costs.api_read_us), cores(costs.writer_us)
    queue = cores(costs.queue_write_us, costs.queue_read_us)
    database = cores(costs.database_write_us + costs.housekeeping_us, costs.database_read_us)
    together = rate / load.disk_fsyncs
    keys = rate * load.keyed * _KEY_RECORD_S * costs.queue_keyed_bytes
    per_day = rate * _DAY_S
    return (
        Need("api", math.ceil(api / BUSY_MAX), "processes", "replicas of api"),
        Need("writer", math.ceil(writer / BUSY_MAX), "processes", "replicas of writer"),
        Need("dlq_admin", math.ceil(cores(costs.housekeeping_us) / _RESTS), "processes", "replicas of dlq_admin"),
        Need("queue, one core", queue, "busy", "a faster core", full_at(queue, 1)),
        Need("queue, disk", together, "writes/fsync", "a disk with a faster fsync"),
        Need("queue, log", rate * costs.queue_log_bytes, "bytes/s", "a disk with more bytes/s"),
        Need("queue, keys", _KEY_TRACES_BYTES + keys, "bytes", "its memory"),
        Need("queue, outage", rate * load.outage_hours * 3600 * costs.queue_waiting_bytes, "bytes", "its memory"),
        Need(
            "database, cores",
            database / BUSY_MAX,
            "cores",
            "a larger machine",
            full_at(database, load.database_cores),
        ),
        Need("database, disk", together, "writes/fsync", "HOLDFAST_WRITER_BATCH_MAX"),
        Need(
            "database, history",
            per_day * load.retention * costs.operation_bytes,
            "bytes",
            "HOLDFAST_DLQ_OPERATIONS_KEEP_DAYS",
        ),
        Need("database, growth", per_day * 365 * load.growth * costs.entity_bytes, "bytes/year", "what is kept"),
    )


def first_full(found: Sequence[Need]) -> Need:
    """Return the part that a growing load fills first, among those to which no replica can be added."""
    return min(found, key=lambda need: need.at_most)
