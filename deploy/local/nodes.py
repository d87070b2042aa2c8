"""Nodes: the processes of each part of the stack, with their ports. A highly available stack (HA=1) has several of each
part. Any other has one of each, and no Sentinel."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from deploy.local.places import LOCAL
from deploy.local.settings import StackSettings

#: The parts behind HAProxy, and the parts that keep data.
Replicated = Literal["api", "external_proxy", "dlq_admin"]
Store = Literal["queue", "database"]

_REPLICAS, _STORES, _SENTINELS = 2, 3, 3
#: The ports that clients of a stack know, and the offset at which the replicas' ports begin.
_REPLICATED: Mapping[Replicated, tuple[str, str, int]] = {
    "api": ("api_port", "api_node_port", 1),
    "external_proxy": ("proxy_port", "proxy_node_port", 1),
    "dlq_admin": ("dlq_port", "dlq_node_port", 2),  # the other port is for metrics
}
#: The first node's name and port, and where the others begin to count.
_OF_STORES: Mapping[Store, tuple[str, str, str]] = {
    "queue": ("redis-queue", "queue_port", "queue_node_port"),
    "database": ("mariadb", "db_port", "db_node_port"),
}
#: The same for the exporters, of which each node of a store has one.
_OF_EXPORTERS: Mapping[Store, tuple[str, str, str]] = {
    "queue": ("exporter-queue", "queue_exporter_port", "queue_exporter_node_port"),
    "database": ("exporter-mysql", "db_exporter_port", "db_exporter_node_port"),
}


class Node(NamedTuple):
    """One process: its name, its port, and the setting that changes the port."""

    name: str
    port: int
    setting: str


def replicas(settings: StackSettings, part: Replicated) -> list[Node]:
    """Return the replicas of a service that clients reach at one address."""
    door, first, step = _REPLICATED[part]
    if not settings.ha:
        return [Node(part, getattr(settings, door), door.upper())]
    at = getattr(settings, first)
    return [Node(f"{part}-{number}", at + number * step, first.upper()) for number in range(_REPLICAS)]


def stores(settings: StackSettings, part: Store) -> list[Node]:
    """Return the nodes of a store. The first one is the primary of a new stack."""
    return _counted(settings, *_OF_STORES[part])


def exporters(settings: StackSettings, part: Store) -> list[Node]:
    """Return the exporters of a store's nodes, in the same order."""
    return _counted(settings, *_OF_EXPORTERS[part])


def _counted(settings: StackSettings, name: str, one: str, others: str) -> list[Node]:
    first = Node(name, getattr(settings, one), one.upper())
    more = range(1, _STORES) if settings.ha else ()
    return [first, *(Node(f"{name}-{n}", getattr(settings, others) + n - 1, others.upper()) for n in more)]


def sentinels(settings: StackSettings) -> list[Node]:
    """Return the Sentinels that watch the queue."""
    numbers = range(_SENTINELS if settings.ha else 0)
    return [Node(f"sentinel-{number}", settings.sentinel_port + number, "SENTINEL_PORT") for number in numbers]


def data_folder(settings: StackSettings) -> Path:
    """Return the folder in which the stores keep their data. A highly available stack has its own, because only its
    nodes know which of them has the last write."""
    return LOCAL / "ha" if settings.ha else LOCAL
