"""The settings of the local stack: `make run NAME=value`, or NAME in the environment."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import count, islice
from typing import Self

from deploy.local.output import Problem
from deploy.local.places import LOCAL, write_private
from holdfast.shared.queue.partitions import MOST

LOOPBACK = "127.0.0.1"
_WRITERS_MAX = 64
_FILE = LOCAL / "stack.json"
#: How many ports a highly available stack counts up from each of these. Other stacks use none of them.
_HA_PORTS = {
    "haproxy_port": 1,
    "api_node_port": 2,
    "proxy_node_port": 2,
    "dlq_node_port": 4,
    "queue_node_port": 2,
    "sentinel_port": 3,
    "db_node_port": 2,
    "db_exporter_node_port": 2,
    "queue_exporter_node_port": 2,
    "galera_port": 9,
}


@dataclass(frozen=True, slots=True)
class StackSettings:
    """Every port, the address of the HTTP services, and the numbers of writers and of the queue's partitions."""

    api_port: int = 8080
    proxy_port: int = 8081
    dlq_port: int = 8082
    dlq_metrics_port: int = 8083
    writer_port: int = 8090  # the first writer's; the next ones take the next free numbers
    third_party_port: int = 8099
    prometheus_port: int = 9090
    alertmanager_port: int = 9093
    db_exporter_port: int = 9104
    queue_exporter_port: int = 9121
    cache_exporter_port: int = 9122
    queue_port: int = 6479
    cache_port: int = 6480
    db_port: int = 3406
    # Used by a highly available stack (HA=1): the first of several, see deploy/local/nodes.py.
    haproxy_port: int = 8078
    api_node_port: int = 8070
    proxy_node_port: int = 8072
    dlq_node_port: int = 8074
    queue_node_port: int = 6481
    sentinel_port: int = 6483
    db_node_port: int = 3407
    db_exporter_node_port: int = 9105
    queue_exporter_node_port: int = 9123
    galera_port: int = 3410
    ha: int = 0
    writers: int = 2
    queue_partitions: int = 1
    listen_host: str = "127.0.0.1"
    # The values of HOLDFAST_DOMAIN and PYTHONPATH, by which the declared resources are found; empty for users.
    domain: str = ""
    python_path: str = ""

    def domain_env(self) -> dict[str, str]:
        """Return the variables with which programs find the declared resources."""
        return {"HOLDFAST_DOMAIN": self.domain, "PYTHONPATH": self.python_path} if self.domain else {}

    def writer_ports(self) -> list[int]:
        """Return a port for each writer, counted up from `writer_port` without those that have another use."""
        used = {port for _, port in self._ports_of_the_rest()}
        return list(islice((port for port in count(self.writer_port) if port not in used), self.writers))

    def ports(self) -> list[tuple[str, int]]:
        """Return (setting, port) of every program, each writer included."""
        writers = (("writer_port", port) for port in self.writer_ports())
        return sorted([*self._ports_of_the_rest(), *writers], key=lambda each: each[1])

    def _ports_of_the_rest(self) -> list[tuple[str, int]]:
        wanted = {name: _HA_PORTS.get(name, 1) for name in port_names() if self.ha or name not in _HA_PORTS}
        wanted.pop("writer_port")
        return [(name, getattr(self, name) + number) for name, count in wanted.items() for number in range(count)]

    def host_of(self, setting: str) -> str:
        """Return the host on which this port listens. What only other programs of the stack use is on the loopback
        only."""
        inner = setting in _HA_PORTS or setting.startswith(("db_", "queue_", "cache_"))
        return LOOPBACK if inner else self.listen_host

    def changed(self, environ: Mapping[str, str]) -> Self:
        """Return these settings with the changes in `environ`. Raises Problem, which names all that is wrong."""
        changes, wrong = _changes(self, environ)
        settings = replace(self, **changes)  # type: ignore[arg-type]  # each has its field's type
        if wrong := [*wrong, *settings._wrong()]:
            raise Problem("\n".join(dict.fromkeys(wrong)))
        return settings

    def _wrong(self) -> Iterator[str]:
        if not 0 <= self.writers <= _WRITERS_MAX:
            yield f"WRITERS={self.writers} is not between 0 and {_WRITERS_MAX}"
        if not 1 <= self.queue_partitions <= MOST:
            yield f"QUEUE_PARTITIONS={self.queue_partitions} is not between 1 and {MOST}"
        if self.ha not in (0, 1):
            yield f"HA={self.ha} is neither 0 nor 1"
        # `writer_port` only says where counting begins, so it may coincide with another.
        used = self._ports_of_the_rest()
        for _, port in [*used, ("writer_port", self.writer_port)]:
            if not 1 <= port <= 65535 - _WRITERS_MAX - len(used):
                yield f"{port} cannot be used as a port here"
            twins = [name.upper() for name, other in used if other == port]
            if len(twins) > 1:
                yield f"{' and '.join(twins)} are both {port}"

    def save(self) -> None:
        """Remember these settings for `status`, `down`, `ledger` and a later `up`."""
        write_private(_FILE, json.dumps(asdict(self), indent=2) + "\n")


def port_names() -> list[str]:
    """Return the names of the settings that are ports."""
    return [field.name for field in fields(StackSettings) if field.name.endswith("_port")]


def saved() -> StackSettings:
    """Return the settings with which the stack was last started, or the defaults."""
    try:
        kept = json.loads(_FILE.read_text())
        # Another release may have saved settings that this one does not know.
        return StackSettings(**{field.name: kept[field.name] for field in fields(StackSettings) if field.name in kept})
    except (FileNotFoundError, ValueError, TypeError):
        return StackSettings()


def _changes(before: StackSettings, environ: Mapping[str, str]) -> tuple[dict[str, int | str], list[str]]:
    """Return the changes in the environment, and what is wrong in it. PORT_OFFSET moves every port without a setting of
    its own from its default. PYTHONPATH counts only together with HOLDFAST_DOMAIN."""
    changes: dict[str, int | str] = {}
    wrong = []
    if environ.get("PORT_OFFSET"):
        offset = port_offset(environ)
        changes |= {name: getattr(StackSettings(), name) + offset for name in port_names()}
    if environ.get("HOLDFAST_DOMAIN"):
        changes |= {"domain": environ["HOLDFAST_DOMAIN"], "python_path": environ.get("PYTHONPATH", "")}
    for field in fields(before):
        if field.name in ("domain", "python_path"):
            continue
        text = environ.get(field.name.upper())
        if text and field.name == "listen_host":
            changes[field.name] = text
        elif text:
            try:
                changes[field.name] = _whole(field.name.upper(), text)
            except Problem as problem:
                wrong.append(str(problem))
    return changes, wrong


def port_offset(environ: Mapping[str, str]) -> int:
    """Return PORT_OFFSET, or 0. Raises Problem."""
    return _whole("PORT_OFFSET", environ.get("PORT_OFFSET") or "0")


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Problem(f"{name}={text} is not a whole number") from None
