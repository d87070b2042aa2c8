"""Heartbeat: how far the newest one got. `consumed`: this writer was given it; `committed`: it is in the database."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Never

from shared import logs, metrics, versions
from shared.commands import Heartbeat, Write
from shared.faults import Fault
from shared.logs import Action
from shared.queue.entry import Entry

_COMMAND = Heartbeat.__name__.encode()
_EVERY_S = 600.0

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


async def reaping(reap: Callable[[], Awaitable[int]]) -> Never:
    """For ever: take away the rows of old ones."""
    while True:
        await asyncio.sleep(_EVERY_S)
        try:
            gone = await reap()
        except Fault:
            continue  # the next time
        if gone:
            logs.info(Action.HEARTBEATS_REAPED, operations=gone)
