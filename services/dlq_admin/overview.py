"""Overview: the state of the whole system. Any part of the state may be unknown without hiding the others."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.dlq_admin.auditor.models import LastReading, LedgerReading, ledger_reading
from holdfast.services.dlq_admin.breakers import Breakers, BreakerSummary
from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters import on_stream
from holdfast.services.dlq_admin.letters.groups import trends
from holdfast.services.dlq_admin.letters.indexer import Indexer
from holdfast.services.dlq_admin.letters.models import Trend
from holdfast.services.dlq_admin.letters.retention import Limit, Retention
from holdfast.services.dlq_admin.responses import Counts, Moment, ResponseModel
from holdfast.services.dlq_admin.writers import Writers, WriterSummary
from holdfast.shared.errors import AppError
from holdfast.shared.letters.find import groups
from holdfast.shared.queue.backlog import backlog_of_those_that_answer
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.timestamps import utc_now
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

T = TypeVar("T")


class Backlog(ResponseModel):
    """Writes that wait on the write stream."""

    depth: int
    oldest_age_s: float


class SystemState(ResponseModel):
    """The state of the system. Unknown values are null. `partitions_away`: the partitions of the queue that do not
    answer; `backlog` covers the others only, and the ledger needs all of them. `ledger_unread`: why the last reading of
    the ledger failed, or null if it succeeded."""

    letters: Counts | None
    trend: Trend | None
    waiting: int | None
    holding: str
    backlog: Backlog | None
    partitions_away: list[int]
    ledger: LedgerReading | None
    ledger_unread: str | None
    breakers: list[BreakerSummary] | None
    writers: list[WriterSummary] | None
    retention: dict[str, Limit]
    banner: str | None
    as_of: Moment


class Overview:
    """Queries every part of the system."""

    def __init__(
        self,
        database: Database,
        redis: Redis,
        writers: Writers,
        indexer: Indexer,
        retention: Retention,
        breakers: Breakers,
        ledger: LastReading,
        unread: Callable[[], str],
        partitions: Partitions,
    ) -> None:
        self._database = database
        self._redis = redis
        self._partitions = partitions
        self._writers = writers
        self._indexer = indexer
        self._retention = retention
        self._breakers = breakers
        self._ledger = ledger
        self._unread = unread
        self._reporter = FailureReporter("overview")

    async def look(self) -> SystemState:
        """Return the current state. All parts are queried concurrently: a store that hangs costs its timeout once."""
        no_backlog: tuple[Backlog | None, list[int]] = (None, [])
        (letters, trend), (backlog_, away), waiting, writers = await asyncio.gather(
            self._letters(),
            _part("backlog", self._backlog, no_backlog),
            _part("waiting", lambda: on_stream.length(self._redis, self._partitions), None),
            _part("writers", self._writers.all, None),
        )
        reading = None if letters is None or away else self._ledger()
        return SystemState(
            letters=letters,
            trend=trend,
            waiting=waiting,
            holding=self._indexer.holding,
            backlog=backlog_,
            partitions_away=away,
            ledger=ledger_reading(reading) if reading else None,
            ledger_unread=self._unread() or None,
            breakers=self._breakers.all(),
            writers=writers,
            retention=self._retention.report(),
            banner=on_stream.banner(self._database.breaker.refusal) if letters is None else None,
            as_of=utc_now(),
        )

    async def _letters(self) -> tuple[Counts | None, Trend | None]:
        try:
            return await self._database.read(groups.totals), (await trends(self._database, None))[""]
        except AppError:
            return None, None

    async def _backlog(self) -> tuple[Backlog | None, list[int]]:
        """Return the backlog of the partitions that answer, and the numbers of the other partitions."""
        try:
            with self._reporter:
                seen, away = await backlog_of_those_that_answer(self._redis, self._partitions)
        except (RedisError, OSError):
            return None, [partition.number for partition in self._partitions]
        return Backlog(depth=seen.depth, oldest_age_s=round(seen.oldest_age_s, 3)), sorted(away)


async def _part(name: str, ask: Callable[[], Awaitable[T]], unknown: T) -> T:
    """Return the result of `ask`, or `unknown` if it raises an unexpected exception, so that the other parts are still
    shown."""
    try:
        return await ask()
    except Exception as error:  # noqa: BLE001 - logged and counted like any other, and shown as unknown
        metrics.panics.inc()
        logs.error(Action.PANIC_RECOVERED, exc=error, part=name)
        return unknown
