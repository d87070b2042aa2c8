"""Program: one process of the local stack, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from deploy.local import probe
from deploy.local.settings import LOOPBACK
from holdfast.shared.connections.address import host_and_port

_REACHED_AT = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised process.

    Stores start first and stop last. Sentinels start with the stores and stop before them. `job`: Prometheus scrapes it
    as its `instance`, at `metrics_port` if that is another port. `more_ports`: other places where it listens, as (host,
    port, setting). `reads`: the files and folders that it reads only when it starts.
    """

    name: str
    kind: Literal["store", "sentinel", "service", "neighbour"]
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
    more_ports: tuple[tuple[str, int, str], ...] = ()
    reads: tuple[Path, ...] = ()

    @property
    def address(self) -> str:
        """Where this machine reaches it: `host:port`."""
        return reachable(self.host, self.port)

    @property
    def scraped_at(self) -> str:
        """Where its metrics are: `host:port`."""
        return reachable(self.host, self.metrics_port or self.port)

    def not_ready(self) -> str | None:
        """Return what is missing, or None if it is ready."""
        return self.ready(_REACHED_AT.get(self.host, self.host), self.port)


def reachable(host: str, port: int) -> str:
    """Return `host:port`, where this machine reaches what listens on `host`."""
    return host_and_port(_REACHED_AT.get(host, host), port)
