"""Auditor: independent probes, each at its own pace, and the housekeeping that keeps them short."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from redis.asyncio import Redis

from holdfast.services.dlq_admin.auditor.epochs import Epochs
from holdfast.services.dlq_admin.auditor.probe import Probe
from holdfast.services.dlq_admin.database import Database
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.letters.ids import time_of
from holdfast.shared.letters.index import unfinished
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.queue.streams import Streams, StreamSeen, together
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.writes.ledger import ROWS, TERMS, Ledger

_QUEUE_LIMIT_S = 5.0
_DATABASE_LIMIT_S = 10.0
#: A reading of the ledger is stale once it is older than this, and older than `_STALE_DURATIONS` times its own
#: duration.
_STALE_S = 30.0
_STALE_DURATIONS = 20


class Reading(NamedTuple):
    """A reading of the ledger, when it was made (Unix time), and how long it took in seconds."""

    ledger: Ledger
    at_s: float
    took_s: float


class Auditor:
    """Runs the probes. `loops` is for the supervisor; `ledger` returns the last reading."""

    def __init__(
        self,
        redis: Redis,
        database: Database,
        *,
        every_s: float,
        besides: Iterable[Probe],
        replicas: Replicas | None,
        partitions: Partitions,
    ) -> None:
        self._database = database
        self._epochs = Epochs(redis, database, replicas, partitions)
        self._streams = Streams(redis)
        self._partitions = partitions
        #: The last look at each partition.
        self._seen: dict[Partition, dict[str, StreamSeen]] = {}
        self._away: list[int] = []
        self._reading: Reading | None = None
        self._missing = 0
        self._of_ledger = Probe("ledger", self._ledger, every_s=every_s)
        self._probes = (
            Probe("queue", self._queue, every_s=every_s, limit_s=_QUEUE_LIMIT_S),
            Probe("database", self._letters, every_s=every_s, limit_s=_DATABASE_LIMIT_S),
            self._of_ledger,
            *besides,
        )

    def loops(self) -> Mapping[str, Callable[[], Awaitable[object]]]:
        """Return one loop per probe, by name."""
        return {f"audit_{probe.name}": probe.run for probe in self._probes}

    def ledger(self) -> Reading | None:
        """Return the last reading, or None if there is none or it is stale."""
        reading = self._reading
        if reading is None or time.time() - reading.at_s > max(_STALE_S, _STALE_DURATIONS * reading.took_s):
            return None
        return reading

    def ledger_unread(self) -> str:
        """Return why the last reading of the ledger failed, or an empty text if it succeeded."""
        return self._of_ledger.failing

    def partitions_away(self) -> list[int]:
        """Return the numbers of the queue's partitions that did not answer the last look."""
        return self._away

    async def _queue(self) -> None:
        """Look at every partition. A partition that does not answer counts as it was last seen, with a growing age, and
        fails the look."""
        looks = await asyncio.gather(*map(self._streams.look, self._partitions), return_exceptions=True)
        pairs = list(zip(self._partitions, looks, strict=True))
        self._away = [partition.number for partition, look in pairs if isinstance(look, BaseException)]
        for partition, look in pairs:
            if not isinstance(look, BaseException):
                self._seen[partition] = {
                    name: seen if seen.oldest_s is not None else seen._replace(oldest_s=time.time())
                    for name, seen in look.items()
                }
        self._export()
        for look in looks:
            if isinstance(look, BaseException):
                raise look

    def _export(self) -> None:
        for partition, of in self._seen.items():
            metrics.partition_entries.labels(str(partition.number)).set(of["writes"].entries)
            metrics.partition_oldest.labels(str(partition.number)).set(of["writes"].oldest_s or 0)
        for name in ("writes", "dead_letters") if self._seen else ():
            seen = together([of[name] for of in self._seen.values()])
            metrics.stream_entries.labels(name).set(seen.entries)
            metrics.stream_pending.labels(name).set(seen.pending)
            metrics.stream_oldest.labels(name).set(seen.oldest_s or 0)
            if seen.trimmed_unread is not None:
                metrics.stream_trimmed_unread.labels(name).set(seen.trimmed_unread)

    async def _letters(self) -> None:
        seen = await self._database.audit(unfinished.look)
        metrics.dead_letters_open.set(seen.open)
        oldest_s = time.time() if seen.oldest is None else time_of(seen.oldest).timestamp()
        metrics.dead_letters_oldest.set(oldest_s)
        for state, count in (("planned", seen.planned), ("sent", seen.sent), ("over", seen.over)):
            metrics.replay_letters.labels(state).set(count)

    async def _ledger(self) -> None:
        began = time.monotonic()
        ledger = await self._epochs.ledger()
        self._reading = Reading(ledger, time.time(), time.monotonic() - began)
        for term in TERMS:
            metrics.ledger_writes.labels(term).set(getattr(ledger, term))
        metrics.ledger_missing.set(abs(ledger.missing))
        for state in ROWS:
            metrics.operation_rows.labels(state).set(getattr(ledger, state))
        metrics.horizon.set(ledger.horizon / 1_000_000)
        if ledger.missing != self._missing:
            say = logs.error if ledger.missing else logs.info
            say(Action.LEDGER_MOVED, missing=ledger.missing, accepted=ledger.accepted)
        self._missing = ledger.missing
