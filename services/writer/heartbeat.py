"""Heartbeat: records how far the newest heartbeat has come. `consumed`: this writer has received it; `committed`: it is
in the database."""

from collections.abc import Iterable

from holdfast.shared.queue.entry import Entry
from holdfast.shared.telemetry import metrics
from holdfast.shared.writes import versions
from holdfast.shared.writes.commands import Heartbeat, Write

_COMMAND = Heartbeat.__name__.encode()

_newest: dict[str, int] = {}


def consumed(entries: Iterable[Entry]) -> None:
    """Record heartbeats that were read from the stream. An entry's id shows when it was accepted, whatever it holds."""
    for entry in entries:
        if entry.fields.get(b"command") == _COMMAND:
            _seen("consumed", versions.from_stream_id(entry.id))


def committed(write: Write) -> None:
    """Record that this write is in the database, if it is a heartbeat."""
    if isinstance(write.command, Heartbeat):
        _seen("committed", write.version)


def _seen(stage: str, version: int) -> None:
    if version > _newest.get(stage, 0):
        _newest[stage] = version
        metrics.heartbeat.labels(stage).set(version / 1_000_000)
