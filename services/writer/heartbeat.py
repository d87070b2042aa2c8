"""Heartbeat: how far the newest one got. `consumed`: this writer was given it; `committed`: it is in the database."""

from collections.abc import Iterable

from holdfast.shared.queue.entry import Entry
from holdfast.shared.telemetry import metrics
from holdfast.shared.writes import versions
from holdfast.shared.writes.commands import Heartbeat, Write

_COMMAND = Heartbeat.__name__.encode()

_newest: dict[str, int] = {}


def consumed(entries: Iterable[Entry]) -> None:
    """These were read from the stream. Their ids say when they were accepted, whatever is in them."""
    for entry in entries:
        if entry.fields.get(b"command") == _COMMAND:
            _seen("consumed", versions.from_stream_id(entry.id))


def committed(write: Write) -> None:
    """This write is in the database."""
    if isinstance(write.command, Heartbeat):
        _seen("committed", write.version)


def _seen(stage: str, version: int) -> None:
    if version > _newest.get(stage, 0):
        _newest[stage] = version
        metrics.heartbeat.labels(stage).set(version / 1_000_000)
