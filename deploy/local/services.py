"""The four services of the local stack, as programs. A highly available stack has two of each, behind HAProxy."""

import os
import subprocess

from deploy.local import database, probe
from deploy.local import redis as redis_servers
from deploy.local.nodes import Node, replicas
from deploy.local.places import REPO, VENV_PYTHON
from deploy.local.program import Program, reachable
from deploy.local.secret import keys_file, secret
from deploy.local.settings import LOOPBACK, StackSettings
from deploy.privileges.database import TABLES
from deploy.privileges.services import Service


def address(settings: StackSettings, service: str) -> str:
    """Return where this machine reaches the api, dlq_admin or external_proxy, whichever replica answers:
    `host:port`."""
    doors = {"api": settings.api_port, "dlq_admin": settings.dlq_port, "external_proxy": settings.proxy_port}
    return reachable(settings.listen_host, doors[service])


def service_env(settings: StackSettings, service: Service) -> dict[str, str]:
    """Return the environment of a service, with its logins. It contains secrets."""
    env = {
        "REDIS_ADDR": redis_servers.url(settings, service, "queue"),
        "HOLDFAST_CACHE_REDIS_ADDR": redis_servers.url(settings, service, "cache"),
        **({"DB_DSN": database.dsn(service, settings)} if TABLES[service] else {}),
        **({"HOLDFAST_QUEUE_REPLICAS": "1"} if settings.ha else {}),
        "HOLDFAST_QUEUE_PARTITIONS": str(settings.queue_partitions),
        "HOLDFAST_PROFILE": "demo",
        **settings.domain_env(),
        "HOLDFAST_KEYS_FILE": str(keys_file()),
        "HOLDFAST_LISTEN_HOST": settings.listen_host,
        "HOLDFAST_LOG_STYLE": "json",  # `make logs` makes columns of JSON
    }
    revision = _revision()
    return env | ({"HOLDFAST_REVISION": revision} if revision else {})


def services(settings: StackSettings) -> list[Program]:
    """Return all replicas, in the order in which they are shown."""
    host = LOOPBACK if settings.ha else settings.listen_host
    # HAProxy, on this machine, passes on the client's address.
    proxied = {"TRUSTED_PROXIES": f"{LOOPBACK}/32"} if settings.ha else {}
    api = {
        "EXTERNAL_PROXY_URL": f"http://{address(settings, 'external_proxy')}",
        "IDEMPOTENCY_SECRET": secret("idempotency_secret"),
        **proxied,
    }
    # Only one build runs here, so no other has to be waited for.
    writer = {"UNKNOWN_PATIENCE_S": "10"}
    third_party = f"http://{reachable(settings.listen_host, settings.third_party_port)}"
    writers = [Node(f"writer-{n}", port, "WRITER_PORT") for n, port in enumerate(settings.writer_ports())]
    return [
        *(_service(settings, "api", node, host, api) for node in replicas(settings, "api")),
        *(_service(settings, "writer", node, settings.listen_host, writer) for node in writers),
        *(
            _service(settings, "external_proxy", node, host, {"THIRD_PARTY_URL": third_party})
            for node in replicas(settings, "external_proxy")
        ),
        *(_dlq_admin(settings, node, host, proxied) for node in replicas(settings, "dlq_admin")),
    ]


def _dlq_admin(settings: StackSettings, node: Node, host: str, proxied: dict[str, str]) -> Program:
    metrics_port = node.port + 1 if settings.ha else settings.dlq_metrics_port
    own = {
        "METRICS_PORT": str(metrics_port),
        "SESSION_SECRET": secret("session_secret"),
        "PROMETHEUS_URL": f"http://{reachable(settings.listen_host, settings.prometheus_port)}",
        **proxied,
    }
    return _service(settings, "dlq_admin", node, host, own, metrics_port)


#: Prefixes of the names of each service's settings.
_PREFIXES: dict[Service, str] = {"api": "API", "writer": "WRITER", "external_proxy": "PROXY", "dlq_admin": "DLQ"}


def _service(
    settings: StackSettings, module: Service, node: Node, host: str, own: dict[str, str], metrics_port: int = 0
) -> Program:
    """Return one replica. `own`: the service's own settings, without their prefix."""
    prefix = f"HOLDFAST_{_PREFIXES[module]}_"
    return Program(
        name=node.name,
        kind="service",
        command=(str(VENV_PYTHON), "-m", f"holdfast.services.{module}"),
        port=node.port,
        port_setting=node.setting,
        ready=probe.http_ok("/readyz"),
        host=host,
        env={
            **service_env(settings, module),
            "HOLDFAST_LISTEN_HOST": host,
            "HOLDFAST_INSTANCE": node.name,
            f"{prefix}PORT": str(node.port),
            **{f"{prefix}{name}": value for name, value in own.items()},
        },
        stop_wait_s=25,  # longer than the services' own HOLDFAST_DRAIN_S
        job=module,
        instance=node.name,
        metrics_port=metrics_port,
    )


def _revision() -> str:
    """Return the running commit, abbreviated, or an empty text outside a git clone."""
    try:
        asked = ("git", "-C", str(REPO), "rev-parse", "--short", "HEAD")
        quiet = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
        return subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True, env=quiet).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
