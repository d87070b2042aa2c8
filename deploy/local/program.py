"""Program: one process of the local stack, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from deploy.local import probe
from deploy.local.settings import LOOPBACK


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
        return f"{reachable(self.host)}:{self.port}"

    @property
    def scraped_at(self) -> str:
        """Where its metrics are: `host:port`."""
        return f"{reachable(self.host)}:{self.metrics_port or self.port}"

    def not_ready(self) -> str | None:
        """Return what is missing, or None if it is ready."""
        host, _, _ = self.address.rpartition(":")
        return self.ready(host.strip("[]"), self.port)


def reachable(host: str) -> str:
    """Return the host at which this machine reaches what listens on `host`, as in a URL."""
    return in_url({"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host))  # noqa: S104 - compared, not bound


def in_url(host: str) -> str:
    """Return the host as it is before a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
