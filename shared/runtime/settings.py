"""Settings: the settings that services share, and the rules of all settings.

`read_settings.read` reads them, once. `DB_DSN` and `REDIS_ADDR` keep their well-known names; all others begin with
`HOLDFAST_`. Each may be in a file that `NAME_FILE` names. A service refuses every `HOLDFAST_` key that is neither
shared nor, by its prefix, another service's, so that a misspelt key is found.
"""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import AliasChoices, AnyHttpUrl, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from holdfast.shared.connections.address import parse_dsn, parse_redis
from holdfast.shared.domain import DEFAULT
from holdfast.shared.runtime.bounds import Bounds
from holdfast.shared.runtime.build import revision
from holdfast.shared.runtime.origins import parse_origins
from holdfast.shared.runtime.problems import WrongTogether
from holdfast.shared.runtime.secret_files import Environment, SecretFiles
from holdfast.shared.runtime.time_budgets import FIXED, WRONG_WAY_ROUND, Budget, Part
from holdfast.shared.runtime.variables import ENV_PREFIX, known, unknown

#: The form of names that become part of keys, channels, entries, headers, columns and labels.
_NAME = r"^[A-Za-z0-9._+-]{1,64}$"


class Settings(BaseSettings):
    """The settings of every service."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    profile: Literal["demo", "production"] = Field(
        default="production", description="`demo` needs no keys and has higher limits, which is logged at start"
    )
    listen_host: str = Field(default="127.0.0.1", description="Address on which the HTTP server listens")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Lowest level to log")
    log_style: Literal["json", "console", "auto"] = Field(
        default="auto", description="JSON, or columns for people; `auto`: columns if stdout is a terminal, else JSON"
    )
    keys_file: Path | None = Field(
        default=None, description="File of hashed API keys (shared/http/keys.py). Outside `demo` the api needs one"
    )
    instance: str = Field(
        default_factory=lambda: re.sub(r"[^A-Za-z0-9._+-]", "-", socket.gethostname())[:64] or "unnamed",
        pattern=_NAME,
        description="Name of this replica, unique within its service; default: the host's name",
    )
    optional_settings: str = Field(
        default="",
        description="Settings, `HOLDFAST_A,HOLDFAST_B`, that a build ignores if it does not know them, so that an"
        " older build runs beside this one; any other unknown setting prevents the start",
    )
    drain_s: float = Field(default=20, gt=0, le=300, description="Longest time to finish current work after SIGTERM")
    otlp_endpoint: AnyHttpUrl | None = Field(
        default=None,
        validation_alias=AliasChoices("HOLDFAST_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "otlp_endpoint"),
        description="Base URL of the OTLP receiver, over HTTP, that traces are sent to; unset: none are sent",
    )
    trace_share: float = Field(
        default=1,
        ge=0,
        le=1,
        validation_alias=AliasChoices("HOLDFAST_TRACE_SHARE", "OTEL_TRACES_SAMPLER_ARG", "trace_share"),
        description="Share of new traces that is recorded; a trace that a caller began follows the caller's decision",
    )

    http_request_timeout_s: float = Field(
        default=10,
        gt=0,
        le=300,
        description="Longest wait for all headers of a request, and then again for its whole body",
    )
    http_connections_max: int = Field(
        default=2000, ge=1, le=100_000, description="Most open connections; above it only health checks are answered"
    )
    http_cors_origins: str = Field(
        default="",
        description="Origins whose web pages may call this service: `https://app.example, https://b.example`",
    )

    @field_validator("http_cors_origins")
    @classmethod
    def _origins(cls, value: str) -> str:
        parse_origins(value)
        return value

    @property
    def cors_origins(self) -> frozenset[str]:
        """The parsed origins."""
        return parse_origins(self.http_cors_origins)

    @property
    def bounds(self) -> Bounds:
        """The bounds of the HTTP server."""
        timeout_s = self.http_request_timeout_s
        return Bounds(head_s=timeout_s, body_s=timeout_s, connections_max=self.http_connections_max)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources; the first source with a value wins."""
        return init_settings, Environment(settings_cls), SecretFiles(settings_cls)

    @classmethod
    def own_prefix(cls) -> str:
        """Return the prefix of this service's own keys, such as `API_`."""
        return ""

    def budgets(self) -> tuple[Budget, ...]:
        """Return the relations between this service's time limits, checked at its start."""
        return ()

    def wrong_together(self) -> Iterator[str]:
        """Yield what is wrong with several settings, each of which is valid by itself, naming their fields."""
        yield from (f"{WRONG_WAY_ROUND}: {budget}" for budget in (*FIXED, *self.budgets()) if not budget.kept)

    @model_validator(mode="after")
    def _refuse(self) -> Self:
        wrong = [f"{name}: {why}" for name, why in self._unknown.items() if name not in self._optional]
        if not re.fullmatch(_NAME.strip("^$"), revision()):
            wrong.append(f"HOLDFAST_REVISION: must match {_NAME}")
        if wrong := [*wrong, *self.wrong_together()]:
            raise WrongTogether(wrong)
        return self

    @property
    def ignored(self) -> list[str]:
        """The settings that this build does not know, and may start without."""
        return sorted(self._optional.intersection(self._unknown))

    @property
    def _optional(self) -> set[str]:
        return {name.strip() for name in self.optional_settings.split(",")}

    @property
    def _unknown(self) -> dict[str, str]:
        # All services may share one environment.
        groups = (type(self), QueueSettings, CacheSettings, StoreSettings, GrafanaSettings)
        names = (name for group in groups for name in group.model_fields)
        return unknown(os.environ, known(names), self.own_prefix())


class QueueSettings(Settings):
    """Settings of services that use the queue Redis."""

    redis_addr: str = Field(
        default="127.0.0.1:6379",
        repr=False,
        validation_alias=AliasChoices("REDIS_ADDR", "redis_addr"),
        description="The queue Redis: host:port, or redis://user:password@host:port; with TLS rediss://; by Sentinel"
        " redis+sentinel://user:password@host,host/name; a Redis Cluster redis+cluster://user:password@host,host",
    )
    redis_connect_timeout_s: float = Field(default=0.25, gt=0, le=10, description="Longest wait for a Redis connection")
    redis_timeout_s: float = Field(default=0.5, gt=0, le=30, description="Longest wait for one reply of Redis")
    queue_partitions: int = Field(
        default=1, ge=1, le=64, description="Partitions of the queue, the same everywhere (operations/partitions.md)"
    )
    queue_replicas: int = Field(
        default=0,
        ge=0,
        le=16,
        description="Replicas of the queue Redis that must have a write before it is accepted; if fewer have it in"
        " time, the write goes straight to the database",
    )
    queue_replicas_timeout_s: float = Field(
        default=0.2, gt=0, le=10, description="Longest wait for replicas' memory, then (Redis 7.2 on) for their disks"
    )

    @field_validator("redis_addr", "cache_redis_addr", check_fields=False)
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None:
            parse_redis(value)
        return value

    def budgets(self) -> tuple[Budget, ...]:
        """Return the relations. A reply comes after the wait for replicas, so its limit has to be longer."""
        if self.queue_replicas == 0:
            return super().budgets()
        reply = Part("redis_timeout_s", self.redis_timeout_s)
        wait = Part("queue_replicas_timeout_s", self.queue_replicas_timeout_s, 2)
        return (*super().budgets(), Budget("the queue's replicas", reply, (wait,)))

    def queue_answer(self, times: int = 1) -> Part:
        """Return the longest wait for a connection to the queue Redis and a reply, `times` times."""
        seconds = self.redis_connect_timeout_s + self.redis_timeout_s
        return Part("redis_connect_timeout_s + redis_timeout_s", seconds, times)


class CacheSettings(QueueSettings):
    """Settings of services that keep or read copies."""

    cache_redis_addr: str | None = Field(
        default=None, repr=False, description="The cache Redis, like REDIS_ADDR; unset: copies share the queue's Redis"
    )
    cache_timeout_s: float = Field(default=0.1, gt=0, le=10, description="Longest wait for one reply of the cache")
    explain_keep_s: int = Field(
        default=900, ge=0, le=86_400, description="How long explanations of requests are kept; 0: none are kept"
    )
    cache_soft_s: float = Field(default=60, gt=0, le=86_400, description="Age after which a copy is renewed")
    cache_hard_s: float = Field(default=86_400, gt=0, le=2_592_000, description="Age at which a copy expires")

    @property
    def cache_address(self) -> str:
        """The Redis that holds copies."""
        return self.cache_redis_addr or self.redis_addr


class GrafanaSettings(Settings):
    """Settings of services that send annotations to Grafana, which is optional."""

    grafana_url: AnyHttpUrl | None = Field(
        default=None, description="The Grafana that gets annotations; unset: none are sent"
    )
    grafana_token: str = Field(
        default="", pattern=r"^[\x21-\x7e]*$", repr=False, description="Token of a service account that may annotate"
    )
    grafana_timeout_s: float = Field(default=5, gt=0, le=60, description="Longest wait for Grafana, in the background")


class StoreSettings(Settings):
    """Settings of services that use the database."""

    domain: str = Field(
        default=DEFAULT, description="Module or package that declares the resources; read only from the environment"
    )
    db_dsn: str = Field(
        repr=False,
        validation_alias=AliasChoices("DB_DSN", "db_dsn"),
        examples=["mysql://user:password@host:3306/db"],
        description="mysql://user:password@host:3306/db, or the Go form user:password@tcp(host:3306)/db; `?tls=true`;"
        " several hosts, `primary:3306,standby:3306`, are tried in order",
    )
    db_checkout_timeout_s: float = Field(default=0.25, gt=0, le=30, description="Longest wait for a pooled connection")
    db_connect_timeout_s: float = Field(default=1, gt=0, le=30, description="Longest wait for a new connection")
    db_timeout_s: float = Field(default=1.5, gt=0, le=60, description="Longest wait for one reply of the database")
    db_lock_wait_s: int = Field(default=1, ge=1, le=50, description="Longest wait of a statement for a row lock")
    db_pool_size: int = Field(default=16, ge=1, le=256, description="Connections in the pool, each with its own thread")
    #: A setting of the api. It is here because every service must keep operations for longer.
    api_key_lifetime_s: int = Field(
        default=86_400, ge=60, le=2_592_000,
        description="How long an Idempotency-Key is remembered; the same in all services",
    )  # fmt: skip

    @field_validator("domain")
    @classmethod
    def _declares_resources(cls, value: str) -> str:
        from holdfast.shared.domain import registry  # here: not every service needs the domain and its imports

        if value not in (registry.configured(), DEFAULT):  # a file cannot set it; the default replaces a wrong one
            raise ValueError("HOLDFAST_DOMAIN is read from the environment only")
        try:
            registry.load(value)
        except Exception as error:  # a user's module may raise anything when it is imported
            raise ValueError(f"{value} cannot be served: {type(error).__name__}: {error}") from error
        return value

    @field_validator("db_dsn")
    @classmethod
    def _dsn(cls, value: str) -> str:
        parse_dsn(value)
        return value

    def budgets(self) -> tuple[Budget, ...]:
        """Return the relations: the server ends a lock wait before the socket times out, and an exhausted pool is
        noticed even earlier."""
        answer = Part("db_timeout_s", self.db_timeout_s)
        return (
            *super().budgets(),
            Budget("a lock", answer, (Part("db_lock_wait_s", self.db_lock_wait_s),)),
            Budget("a pooled connection", answer, (Part("db_checkout_timeout_s", self.db_checkout_timeout_s),)),
        )
