"""HAProxy in front of the replicas of a highly available stack, with the containers' configuration and this stack's
addresses."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.nodes import Replicated, replicas
from deploy.local.packages import find
from deploy.local.places import CONF, REPO, write_private
from deploy.local.settings import LOOPBACK, StackSettings

_SOURCE = REPO / "deploy" / "haproxy"
_CONFIG = CONF / "haproxy.cfg"
#: The files that it reads when it starts.
READS = (_CONFIG,)
#: The addresses that the configuration of the containers listens on.
METRICS = 8405
_DOORS: Mapping[int, Replicated] = {8080: "api", 8081: "external_proxy", 8082: "dlq_admin"}
_BIND = re.compile(r"bind :(\d+)$", re.MULTILINE)
_TEMPLATE = re.compile(r"server-template (\w+)- \d+ \w+:\d+ .*$", re.MULTILINE)


def command() -> tuple[str, ...]:
    """Return the command of the proxy in the foreground."""
    return (find("haproxy"), "-db", "-f", str(_CONFIG))


def write_config(settings: StackSettings) -> None:
    """Write the configuration for the replicas of this stack."""
    host = settings.listen_host
    doors = {8080: settings.api_port, 8081: settings.proxy_port, 8082: settings.dlq_port}
    binds = {door: f"{host}:{port}" for door, port in doors.items()} | {METRICS: f"{LOOPBACK}:{settings.haproxy_port}"}
    servers: dict[str, list[int]] = {part: [node.port for node in replicas(settings, part)] for part in _DOORS.values()}
    write_private(_CONFIG, config([_SOURCE / "haproxy.cfg", _SOURCE / "ha.cfg"], binds, servers))


def config(sources: Sequence[Path], binds: Mapping[int, str], servers: Mapping[str, Sequence[int]]) -> str:
    """Return the text of the sources with other listening addresses, and with replicas at loopback ports instead of
    those that Docker's name server resolves."""

    def found(match: re.Match[str]) -> str:
        name = match[1]
        return "\n    ".join(f"server {name}-{port} {LOOPBACK}:{port}" for port in servers[name])

    text = "\n".join(source.read_text() for source in sources)
    return _TEMPLATE.sub(found, _BIND.sub(lambda match: f"bind {binds[int(match[1])]}", text))
