"""Programs: everything the local stack consists of, as data. What runs them is a supervisor, elsewhere."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from deploy.local import alerting, database, exporters, metrics_store, probe
from deploy.local import redis as redis_servers
from deploy.local.packages import find, which
from deploy.local.places import LOCAL, REPO, VENV_PYTHON
from deploy.local.secret import keys_file, secret
from deploy.local.settings import LOOPBACK, StackSettings
from deploy.privileges.database import TABLES
from deploy.privileges.redis import WATCHER, Place
from deploy.privileges.services import Service


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised process. Stores start first and stop last.

    `job`: Prometheus scrapes it, as its `instance`, at `metrics_port` if that is another.
    """

    name: str
    kind: Literal["store", "service", "neighbour"]
    command: tuple[str, ...]
    port: int
    port_setting: str
    ready: probe.Probe
    host: str = LOOPBACK
    env: Mapping[str, str] = field(default_factory=dict)
    stop_wait_s: int = 10
    job: str = ""
    instance: str = ""
    metrics_port: int = 0

    @property
    def address(self) -> str:
        """Where this machine reaches it, `host:port`."""
        return f"{_reachable(self.host)}:{self.port}"

    @property
    def scraped_at(self) -> str:
        """Where its metrics are, `host:port`."""
        return f"{_reachable(self.host)}:{self.metrics_port or self.port}"

    def not_ready(self) -> str | None:
        """What is missing, or None when it is ready."""
        host, _, _ = self.address.rpartition(":")
        return self.ready(host.strip("[]"), self.port)


def programs(settings: StackSettings) -> list[Program]:
    """All of them, in the order they are shown."""
    return [*_services(settings), *_neighbours(settings), *_watchers(settings), *_stores(settings)]


def service_env(settings: StackSettings, service: Service) -> dict[str, str]:
    """What a service gets, its logins included. Holds secrets."""
    env = {
        "REDIS_ADDR": redis_servers.url(service, settings.queue_port),
        "HOLDFAST_CACHE_REDIS_ADDR": redis_servers.url(service, settings.cache_port),
        **({"DB_DSN": database.dsn(service, settings.db_port)} if TABLES[service] else {}),
        "HOLDFAST_PROFILE": "demo",
        "HOLDFAST_KEYS_FILE": str(keys_file()),
        "HOLDFAST_LISTEN_HOST": settings.listen_host,
        "HOLDFAST_LOG_STYLE": "json",  # `make logs` makes columns of it
    }
    revision = _revision()
    return env | ({"HOLDFAST_REVISION": revision} if revision else {})


def _services(settings: StackSettings) -> list[Program]:
    def service(module: Service, name: str, port: int, setting: str, **more: str) -> Program:
        return Program(
            name=name,
            kind="service",
            command=(str(VENV_PYTHON), "-m", f"holdfast.services.{module}"),
            port=port,
            port_setting=setting,
            ready=probe.http_ok("/readyz"),
            host=settings.listen_host,
            env={
                **service_env(settings, module),
                f"HOLDFAST_{setting}": str(port),
                "HOLDFAST_INSTANCE": name,
                **more,
            },
            stop_wait_s=25,  # longer than the services' own HOLDFAST_DRAIN_S
            job=module,
            instance=name,
        )

    return [
        service(
            "api",
            "api",
            settings.api_port,
            "API_PORT",
            HOLDFAST_API_EXTERNAL_PROXY_URL=_url(settings.listen_host, settings.proxy_port),
            HOLDFAST_API_IDEMPOTENCY_SECRET=secret("idempotency_secret"),
        ),
        *(
            # There is one build here: no other has to be waited for.
            service("writer", f"writer-{number}", port, "WRITER_PORT", HOLDFAST_WRITER_UNKNOWN_PATIENCE_S="10")
            for number, port in enumerate(settings.writer_ports())
        ),
        service(
            "external_proxy",
            "external_proxy",
            settings.proxy_port,
            "PROXY_PORT",
            HOLDFAST_PROXY_THIRD_PARTY_URL=_url(settings.listen_host, settings.third_party_port),
        ),
        replace(
            service(
                "dlq_admin",
                "dlq_admin",
                settings.dlq_port,
                "DLQ_PORT",
                HOLDFAST_DLQ_METRICS_PORT=str(settings.dlq_metrics_port),
                HOLDFAST_DLQ_SESSION_SECRET=secret("session_secret"),
                HOLDFAST_DLQ_PROMETHEUS_URL=_url(settings.listen_host, settings.prometheus_port),
            ),
            metrics_port=settings.dlq_metrics_port,
        ),
    ]


def _neighbours(settings: StackSettings) -> list[Program]:
    """What is not Holdfast, and speaks HTTP."""
    third_party = (str(VENV_PYTHON), "-m", "deploy.third_party")
    where = ("--host", settings.listen_host, "--port", str(settings.third_party_port))
    return [
        Program(
            "third_party", "neighbour", (*third_party, *where), settings.third_party_port, "THIRD_PARTY_PORT",
            probe.http_ok("/livez"), host=settings.listen_host,
        ),
        Program(
            "prometheus", "neighbour",
            metrics_store.command(
                settings.listen_host, settings.prometheus_port, _url(settings.listen_host, settings.prometheus_port)
            ),
            settings.prometheus_port, "PROMETHEUS_PORT", probe.http_ok("/-/ready"), host=settings.listen_host,
            job="prometheus", instance="prometheus",
        ),
    ]  # fmt: skip


def _watchers(settings: StackSettings) -> list[Program]:
    """Exporters of the stores and Alertmanager: those whose packages are installed."""
    all_of_them = [
        Program(
            "alertmanager", "neighbour", alerting.command(settings.listen_host, settings.alertmanager_port),
            settings.alertmanager_port, "ALERTMANAGER_PORT", probe.http_ok("/-/ready"), host=settings.listen_host,
            job="alertmanager", instance="alertmanager",
        ),
        Program(
            "exporter-queue", "neighbour", exporters.redis(settings.queue_port, settings.queue_exporter_port),
            settings.queue_exporter_port, "QUEUE_EXPORTER_PORT", probe.http_ok("/"), job="redis", instance="queue",
            env=exporters.redis_login(),
        ),
        Program(
            "exporter-cache", "neighbour", exporters.redis(settings.cache_port, settings.cache_exporter_port),
            settings.cache_exporter_port, "CACHE_EXPORTER_PORT", probe.http_ok("/"), job="redis", instance="cache",
            env=exporters.redis_login(),
        ),
        Program(
            "exporter-mysql", "neighbour", exporters.mysql(settings.db_exporter_port),
            settings.db_exporter_port, "DB_EXPORTER_PORT", probe.http_ok("/"), job="mysql", instance="mysql",
        ),
    ]  # fmt: skip
    return [program for program in all_of_them if which(program.command[0])]


def _stores(settings: StackSettings) -> list[Program]:
    def redis(place: Place, port: int, setting: str) -> Program:
        name = f"redis-{place}"
        where = ("--bind", LOOPBACK, "--port", str(port), "--dir", str(LOCAL / name))
        config = REPO / "deploy" / "redis" / f"{place}.conf"
        login = ("--aclfile", redis_servers.acl_file(place))
        ready = probe.redis(WATCHER, redis_servers.password(WATCHER))
        command = (find("redis-server"), str(config), *where, *login)
        return Program(name, "store", command, port, setting, ready, stop_wait_s=30)

    return [
        redis("queue", settings.queue_port, "QUEUE_PORT"),
        redis("cache", settings.cache_port, "CACHE_PORT"),
        Program(
            "mariadb", "store", database.command(settings.db_port), settings.db_port, "DB_PORT", probe.mysql,
            stop_wait_s=60,
        ),
    ]  # fmt: skip


def _reachable(host: str) -> str:
    """Where this machine reaches what listens on `host`."""
    return {"0.0.0.0": LOOPBACK, "::": "[::1]"}.get(host, host)  # noqa: S104 - compared, not bound


def _url(host: str, port: int) -> str:
    return f"http://{_reachable(host)}:{port}"


def _revision() -> str:
    """The commit that runs, short; empty outside a git clone."""
    try:
        asked = ("git", "-C", str(REPO), "rev-parse", "--short", "HEAD")
        quiet = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
        return subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True, env=quiet).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
