"""Settings: what an operator may change about dlq_admin."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator

from holdfast.shared.http.forwarded import networks
from holdfast.shared.runtime.bounds import Bounds
from holdfast.shared.runtime.settings import CacheSettings, GrafanaSettings, StoreSettings
from holdfast.shared.runtime.time_budgets import READER_SILENCE_MAX_S, Budget, Part

IMPORT_PATH = "/dlq/import"
#: Bytes on the wire per byte of the body, chunk sizes included.
_WIRE_SHARE = 1.25
#: An upload that is slower than this is aborted.
_SLOWEST_BYTES_PER_S = 2**20


class DlqAdminSettings(CacheSettings, GrafanaSettings, StoreSettings):
    """The settings `HOLDFAST_DLQ_...`, besides the shared ones."""

    dlq_port: int = Field(default=8082, ge=1, le=65535, description="Port of the HTTP server")
    dlq_metrics_port: int = Field(
        default=8083, ge=1, le=65535, description="Port of `/metrics`, which must not be reachable from outside"
    )
    dlq_trusted_proxies: str = Field(
        default="",
        description="Networks of our own proxies, `10.0.0.0/8, fd00::/8`, whose forwarding headers are trusted",
    )
    dlq_forwarded_header: Literal["x-forwarded-for", "forwarded"] = Field(
        default="x-forwarded-for", description="The header in which trusted proxies name the client"
    )
    dlq_batch_max: int = Field(default=500, ge=1, le=5000, description="Most dead letters indexed in one transaction")
    dlq_block_ms: int = Field(default=1000, ge=10, le=60_000, description="Longest wait for new dead letters")
    dlq_claim_idle_s: float = Field(
        default=15, gt=0, le=3600, description="Idle time after which another replica's dead letters are taken over"
    )
    dlq_probe_cap_s: float = Field(
        default=0.5, gt=0, le=300, description="Longest pause between two attempts at a dependency that is down"
    )
    dlq_turn_max_s: float = Field(
        default=120,
        gt=0,
        le=3600,
        description="Longest round of the reading loop before `/livez` fails; an outage of the queue lengthens no"
        " round",
    )
    dlq_timeout_s: float = Field(default=40, ge=1, le=300, description="Longest time to answer a request")
    dlq_read_timeout_s: float = Field(
        default=5,
        gt=0,
        le=60,
        description="Longest wait for a page's data; then the page shows the dead-letter stream instead",
    )
    dlq_bulk_max: int = Field(
        default=100_000, ge=1, le=1_000_000, description="Most dead letters that one call may change"
    )
    dlq_transform_max: int = Field(
        default=20_000, ge=1, le=100_000, description="Most dead letters per what-if or transform"
    )
    dlq_approve_over: int = Field(
        default=1000,
        ge=1,
        le=10**9,
        description="Letters that one person may replay, discard and transform in total within"
        " HOLDFAST_DLQ_APPROVE_WINDOW_S; more need a second person's approval",
    )
    dlq_approve_window_s: float = Field(
        default=86_400,
        ge=1,
        le=31 * 86_400,
        description="How long a changed letter counts towards HOLDFAST_DLQ_APPROVE_OVER",
    )
    dlq_replay_wait_days: float = Field(
        default=14,
        gt=0,
        le=3650,
        description="How long a replay may wait for an operator (to be approved or resumed) before it is cancelled",
    )
    dlq_lease_s: float = Field(
        default=10, ge=1, le=300, description="Silence after which another replica continues a replay"
    )
    dlq_import_max_bytes: int = Field(default=16 * 2**20, ge=1024, le=2**30, description="Largest file to import")
    dlq_discarded_keep_days: float | None = Field(
        default=None, gt=0, le=36_500, description="How long discarded dead letters are kept; unset: without limit"
    )
    dlq_finished_keep_days: float | None = Field(
        default=None,
        gt=0,
        le=36_500,
        description="How long dead letters that a replay has ended are kept; unset: without limit",
    )
    dlq_operations_keep_days: float = Field(
        default=30,
        ge=0.01,
        le=36_500,
        description="How long ended operations and released addresses are kept; longer while an older write may still"
        " return",
    )
    dlq_tombstones_keep_days: float = Field(
        default=30,
        ge=0.01,
        le=36_500,
        description="How long the row of a deleted entity is kept; never less than its operations",
    )
    dlq_session_s: float = Field(
        default=7200, ge=60, le=86_400, description="How long a login to the console lasts after the last page view"
    )
    dlq_session_max_s: float = Field(
        default=43_200, ge=60, le=604_800, description="How long a login to the console lasts at most"
    )
    dlq_session_secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Secret that signs logins, the same for all replicas; unset: logins end with the process",
    )
    dlq_audit_every_s: float = Field(
        default=2, gt=0, le=60, description="Pause between two readings of the streams, the dead letters and the ledger"
    )
    dlq_prometheus_url: AnyHttpUrl | None = Field(
        default=None,
        description="Base URL of the Prometheus that the console's live view queries; unset: there is no live view",
    )
    dlq_prometheus_timeout_s: float = Field(
        default=3,
        gt=0,
        le=30,
        description="Longest wait for all numbers of a dashboard; then it shows which of them are missing",
    )
    dlq_dashboards: Path | None = Field(
        default=None, description="Folder of the live view's dashboards; unset: the dashboards shipped with dlq_admin"
    )
    dlq_alert_silence_s: float = Field(
        default=180,
        ge=5,
        le=86_400,
        description="How long an alert counts as firing after its last notification; must exceed Alertmanager's"
        " repeat_interval",
    )
    dlq_runbook_base: str | None = Field(
        default=None,
        description="Prefix of an alert's runbook_url if that is a path; unset: the console's own runbook page",
    )
    #: Operators' queries may take longer than a user's.
    db_timeout_s: float = Field(
        default=30, gt=0, le=300, description="Longest wait of dlq_admin for one reply of the database"
    )
    redis_timeout_s: float = Field(
        default=5, gt=0, le=30, description="Longest wait of dlq_admin for one reply of Redis"
    )
    db_lock_wait_s: int = Field(
        default=5, ge=1, le=50, description="Longest wait of a dlq_admin statement for a row lock"
    )
    db_pool_size: int = Field(
        default=10, ge=6, le=64, description="Connections in dlq_admin's pool, each with its own thread"
    )

    @property
    def operations_keep_s(self) -> float:
        """The retention of ended operations, in seconds."""
        return self.dlq_operations_keep_days * 86_400

    @property
    def tombstones_keep_s(self) -> float:
        """The retention of tombstones, in seconds."""
        return self.dlq_tombstones_keep_days * 86_400

    @property
    def bounds(self) -> Bounds:
        """The bounds on requests. A file to import may be larger than any other body, and its upload may take time in
        proportion to its size."""
        usual = super().bounds
        wire_bytes = max(usual.wire_bytes, int(self.dlq_import_max_bytes * _WIRE_SHARE))
        return replace(
            usual,
            wire_bytes=wire_bytes,
            slow_paths=frozenset({IMPORT_PATH.encode()}),
            slow_body_s=usual.body_s + wire_bytes / _SLOWEST_BYTES_PER_S,
        )

    @field_validator("dlq_trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        networks(value)
        return value

    @classmethod
    def own_prefix(cls) -> str:
        """Return the prefix of this service's settings."""
        return "DLQ_"

    def wrong_together(self) -> Iterator[str]:
        """Yield what is wrong with several settings."""
        yield from super().wrong_together()
        if self.dlq_port == self.dlq_metrics_port:
            yield f"dlq_port and dlq_metrics_port are both {self.dlq_port}"

    def budgets(self) -> tuple[Budget, ...]:
        """Return the budgets by which an operator's request is answered in time, and a reader detects a Redis that
        hangs."""
        return (
            *super().budgets(),
            Budget("a question", Part("dlq_timeout_s", self.dlq_timeout_s), (Part("db_timeout_s", self.db_timeout_s),)),
            Budget(
                "a page",
                Part("dlq_timeout_s", self.dlq_timeout_s),
                (Part("dlq_read_timeout_s", self.dlq_read_timeout_s),),
            ),
            Budget(
                "a dashboard",
                Part("dlq_timeout_s", self.dlq_timeout_s),
                (Part("dlq_prometheus_timeout_s", self.dlq_prometheus_timeout_s),),
            ),
            Budget(
                "a key's life",
                Part("dlq_operations_keep_days", self.operations_keep_s),
                (Part("api_key_lifetime_s", self.api_key_lifetime_s),),
            ),
            Budget(
                "a turn",
                Part("dlq_turn_max_s", self.dlq_turn_max_s),
                (
                    Part("a silent reader", READER_SILENCE_MAX_S),
                    Part("dlq_probe_cap_s", self.dlq_probe_cap_s),
                    self.queue_answer(times=2),
                ),
            ),
            Budget(
                "a block",
                Part("redis_timeout_s", self.redis_timeout_s),
                (Part("dlq_block_ms", self.dlq_block_ms / 1000),),
            ),
        )
