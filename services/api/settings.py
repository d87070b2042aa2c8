"""Settings: what an operator may change about the api."""

import hmac
from collections.abc import Iterator
from typing import Literal

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator

from holdfast.shared.http.forwarded import networks
from holdfast.shared.runtime.settings import CacheSettings, GrafanaSettings, StoreSettings
from holdfast.shared.runtime.time_budgets import Budget, Part


class ApiSettings(CacheSettings, GrafanaSettings, StoreSettings):
    """The settings `HOLDFAST_API_...`, besides the shared ones."""

    api_port: int = Field(default=8080, ge=1, le=65535, description="Port of the HTTP server")
    api_timeout_s: float = Field(
        default=5,
        ge=0.5,
        le=60,
        description="Longest time to answer a request, not counting a wait that the caller asks for",
    )
    api_read_timeout_s: float = Field(
        default=1,
        gt=0,
        le=30,
        description="Longest wait of a read for the database before it turns to a copy; after half of it, a young"
        " copy is served",
    )
    api_accept_batch_max: int = Field(
        default=256, ge=1, le=1000, description="Most writes that share one round trip to the queue"
    )
    api_breaker_open_s: float = Field(
        default=5, gt=0, le=60, description="Pause between two probes of a dependency whose breaker is open"
    )
    api_idempotency_secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Secret from which operation ids are derived, so that nobody can compute them from an"
        " Idempotency-Key; the same for all replicas. Outside `demo` the api needs one",
    )
    api_backlog_max: int = Field(
        default=100_000,
        ge=10,
        le=100_000_000,
        description="Entries on a write stream above which no more writes are accepted",
    )
    api_backlog_age_max_s: float = Field(
        default=3600,
        gt=0,
        le=604_800,
        description="Expected wait of a new write for a writer above which no more writes are accepted",
    )
    api_entity_pending_max: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="Pending writes of one entity above which further writes of this entity are refused",
    )
    api_stale_max_s: float = Field(
        default=3600,
        gt=0,
        le=86_400,
        description="Greatest age of a copy that is served while the database does not answer",
    )
    api_external_proxy_url: AnyHttpUrl = Field(
        default=AnyHttpUrl("http://127.0.0.1:8081"), description="Base URL of external_proxy"
    )
    api_external_in_flight_max: int = Field(
        default=256, ge=1, le=4096, description="Most concurrent calls to external_proxy"
    )
    api_heartbeat_s: float = Field(
        default=5,
        ge=0,
        le=300,
        description="Interval of heartbeats: writes that change nothing and show that every stage works; 0: no"
        " heartbeats",
    )
    api_wait_max_s: float = Field(
        default=10, gt=0, le=60, description="Longest wait that a caller may ask for with `Prefer: wait`"
    )
    api_rate_reads_per_min: int | None = Field(
        default=None,
        ge=0,
        le=6_000_000,
        description="Reads per minute of one API key or, without a key, of one address; 0: no limit; unset: 600, on a"
        " demo 600000",
    )
    api_rate_writes_per_min: int | None = Field(
        default=None,
        ge=0,
        le=6_000_000,
        description="Writes per minute of one API key or, without a key, of one address; 0: no limit; unset: 120, on"
        " a demo 600000",
    )
    api_trusted_proxies: str = Field(
        default="",
        description="Networks of our own proxies, `10.0.0.0/8, fd00::/8`, whose forwarding headers are trusted",
    )
    api_forwarded_header: Literal["x-forwarded-for", "forwarded"] = Field(
        default="x-forwarded-for", description="The header in which trusted proxies name the client"
    )

    @property
    def idempotency_secret(self) -> str:
        """The secret that is set; on a demo without one, a secret that everybody knows."""
        return self.api_idempotency_secret.get_secret_value() if self.api_idempotency_secret else "demo"

    @property
    def lookup_secret(self) -> bytes:
        """A secret derived from `idempotency_secret`, for names of copies. If it changes, reads only miss copies."""
        return hmac.digest(self.idempotency_secret.encode(), b"look-ups", "sha256")

    @property
    def rates_per_min(self) -> dict[str, int]:
        """The requests per minute of one client, for `reads` and `writes`; 0: any number."""
        usual = {"reads": 600, "writes": 120} if self.profile == "production" else {"reads": 600_000, "writes": 600_000}
        given = {"reads": self.api_rate_reads_per_min, "writes": self.api_rate_writes_per_min}
        return usual | {name: per_min for name, per_min in given.items() if per_min is not None}

    @field_validator("api_trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        networks(value)
        return value

    @classmethod
    def own_prefix(cls) -> str:
        """Return the prefix of this service's keys."""
        return "API_"

    def wrong_together(self) -> Iterator[str]:
        """Yield what is wrong with several settings together. Only a demo may be open to everybody."""
        yield from super().wrong_together()
        if self.profile == "production" and self.keys_file is None:
            yield "the production profile needs API keys: keys_file"
        if self.profile == "production" and self.api_idempotency_secret is None:
            yield "the production profile needs a secret for keys of requests: api_idempotency_secret"

    def budgets(self) -> tuple[Budget, ...]:
        """Return the time budgets, which let even the slowest read and write end in an answer."""
        answer = Part("api_timeout_s", self.api_timeout_s)
        read = Part("api_read_timeout_s", self.api_read_timeout_s)
        return (
            *super().budgets(),
            Budget("a read", answer, (self.queue_answer(), read, Part("cache_timeout_s", self.cache_timeout_s, 2))),
            Budget(
                "a write",
                answer,
                (
                    self.queue_answer(times=2),
                    Part("db_checkout_timeout_s", self.db_checkout_timeout_s),
                    Part("db_timeout_s", self.db_timeout_s),
                ),
            ),
            Budget("a read's connection", read, (Part("db_checkout_timeout_s", self.db_checkout_timeout_s),)),
        )
