"""Settings: what an operator may change about a writer."""

from pydantic import Field

from holdfast.shared.runtime.settings import CacheSettings, StoreSettings
from holdfast.shared.runtime.time_budgets import READER_SILENCE_MAX_S, Budget, Part


class WriterSettings(CacheSettings, StoreSettings):
    """The settings `HOLDFAST_WRITER_...`, besides the shared ones."""

    writer_port: int = Field(
        default=8090, ge=1, le=65535, description="Port of the HTTP server, for health checks and `/metrics`"
    )
    writer_batch_max: int = Field(default=500, ge=1, le=5000, description="Most entries applied in one transaction")
    writer_block_ms: int = Field(default=1000, ge=10, le=60_000, description="Longest wait of one read for new entries")
    writer_claim_idle_s: float = Field(
        default=15, gt=0, le=3600, description="Idle time after which another writer's entries are taken over"
    )
    writer_patience_s: float = Field(
        default=600,
        gt=0,
        le=86_400,
        description="How long a write waits for earlier writes that are known to be on their way, before it goes"
        " ahead of them",
    )
    writer_unknown_patience_s: float = Field(
        default=90,
        ge=0,
        le=86_400,
        description="How long a write that no running build knows waits for one that does, before it is dead-lettered",
    )
    writer_attempts_max: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Attempts at an entry that fails for an unknown reason, before it is dead-lettered",
    )
    writer_backoff_base_s: float = Field(
        default=20,
        gt=0,
        le=600,
        description="Pause before the second attempt at an entry; each further pause is twice as long",
    )
    writer_backoff_cap_s: float = Field(
        default=60, gt=0, le=3600, description="Longest pause between two attempts at an entry"
    )
    writer_crashes_max: int = Field(
        default=3,
        ge=3,
        le=100,
        description="Writer crashes tolerated per entry before it is dead-lettered: two with other entries, then alone",
    )
    writer_dead_share_max: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of dead entries among the recent ones above which the writer halts: it dead-letters no more",
    )
    writer_dead_share_over: int = Field(
        default=200,
        ge=10,
        le=10_000,
        description="How many recent entries HOLDFAST_WRITER_DEAD_SHARE_MAX is measured over",
    )
    writer_halt_pause_max_s: float = Field(
        default=30, gt=0, le=3600, description="Longest pause of a halted writer before it tries a few entries again"
    )
    writer_probe_cap_s: float = Field(
        default=0.5, gt=0, le=300, description="Longest pause between two attempts to reach a queue that is down"
    )
    writer_turn_max_s: float = Field(
        default=120,
        gt=0,
        le=3600,
        description="Longest round of the reading loop before `/livez` fails; an outage of the queue lengthens no"
        " round",
    )
    writer_pace_target_s: float = Field(
        default=0.5,
        gt=0,
        le=60,
        description="Duration of a transaction above which the next ones are made smaller, to relieve the database",
    )
    #: Longer than the shared defaults: a batch may take a while, whereas a read of the api waits for milliseconds.
    db_timeout_s: float = Field(
        default=5, gt=0, le=60, description="Longest wait of a writer for one reply of the database"
    )
    db_lock_wait_s: int = Field(
        default=3, ge=1, le=50, description="Longest wait of a writer's statement for a row lock"
    )
    db_pool_size: int = Field(
        default=3, ge=3, le=16, description="Connections in a writer's pool, each with its own thread"
    )
    redis_timeout_s: float = Field(
        default=2, gt=0, le=30, description="Longest wait of a writer for one reply of Redis"
    )

    @classmethod
    def own_prefix(cls) -> str:
        """Return the prefix of this service's keys."""
        return "WRITER_"

    def budgets(self) -> tuple[Budget, ...]:
        """Return the time budgets: a slow batch must not look like a dead writer, and a dead writer's entries must be
        taken over before a later write goes ahead of them."""
        claim = Part("writer_claim_idle_s", self.writer_claim_idle_s)
        return (
            *super().budgets(),
            Budget(
                "a turn",
                Part("writer_turn_max_s", self.writer_turn_max_s),
                (
                    Part("a silent reader", READER_SILENCE_MAX_S),
                    Part("writer_probe_cap_s", self.writer_probe_cap_s),
                    self.queue_answer(times=2),
                ),
            ),
            Budget(
                "a block",
                Part("redis_timeout_s", self.redis_timeout_s),
                (Part("writer_block_ms", self.writer_block_ms / 1000),),
            ),
            Budget("a batch", claim, (Part("db_timeout_s", self.db_timeout_s, 2),)),
            Budget(
                "patience",
                Part("writer_patience_s", self.writer_patience_s),
                (claim._replace(times=4),),
            ),
        )
