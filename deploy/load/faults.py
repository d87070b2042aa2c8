"""Faults: what can be broken while there is load, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from deploy.announce import Target

Way = Literal["stop", "kill", "freeze", "behave"]


@dataclass(frozen=True, slots=True)
class Fault:
    """`name` as dashboards have it; `breaker`: how the name of one that should open begins or ends."""

    name: str
    what: str
    target: Target
    way: Way
    breaker: str
    #: What the third party is told, for `behave`.
    behaviour: Mapping[str, Any] = field(default_factory=dict)
    #: A breaker that goes by the share of its window needs so long to see it.
    least_s: float = 0.0


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("database-stopped", "the database is stopped in good order", "database", "stop", "database"),
        Fault("database-killed", "the database is ended with kill -9", "database", "kill", "database"),
        Fault("database-frozen", "the database holds its connections and is still", "database", "freeze", "database"),
        Fault("queue-stopped", "the queue's Redis is stopped in good order", "queue", "stop", "queue"),
        Fault("queue-killed", "the queue's Redis is ended with kill -9", "queue", "kill", "queue"),
        Fault("queue-frozen", "the queue's Redis holds its connections and is still", "queue", "freeze", "queue"),
        Fault("cache-killed", "the cache's Redis is ended with kill -9", "cache", "kill", "cache"),
        Fault("third-party-failing", "the third party answers every call with 503", "third_party", "behave", " read",
              {"fault": "fail", "status": 503}, least_s=20.0),
        Fault("third-party-hanging", "the third party answers nobody", "third_party", "behave", " read",
              {"fault": "hang"}),
    )
}  # fmt: skip


def chosen(text: str) -> list[Fault]:
    """`database-killed,queue-killed`. Raises ValueError, which says what there is."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in FAULTS]
    if unknown or not names:
        raise ValueError(f"FAULTS={text}: {', '.join(unknown) or 'nothing'} is unknown; there are {', '.join(FAULTS)}")
    return [FAULTS[name] for name in names]
