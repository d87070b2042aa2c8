"""Process: `serve` runs the service; `ledger` and `verify-audit` read the stores without it; `partitions` changes the
number of the queue's partitions."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvloop
from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.dlq_admin.app import DlqAdmin
from holdfast.services.dlq_admin.auditor.ledger import read_ledger
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.shared.faults import Fault
from holdfast.shared.letters.audit import seals
from holdfast.shared.queue import agreement
from holdfast.shared.queue.partitions import MOST, Partitions
from holdfast.shared.runtime.read_settings import read
from holdfast.shared.runtime.redis import queue_client
from holdfast.shared.store.engine import Engine, engine_of
from holdfast.shared.store.reads import newest_version
from holdfast.shared.telemetry.start import start
from holdfast.shared.telemetry.tracing import spans
from holdfast.shared.writes.ledger import table

#: Longest wait for writers and dlq_admin to empty the queue, in seconds.
_EMPTY_WITHIN_S = 120.0


def serve() -> int:
    """Serve until SIGTERM, and return the exit code."""
    settings = start("dlq_admin", DlqAdminSettings)
    spans.begin("dlq_admin", settings.instance, settings.otlp_endpoint, settings.trace_share)
    agreement.check(settings)
    uvloop.run(DlqAdmin(settings).run())
    spans.end()
    return 0


def ledger() -> int:
    """Print the ledger, and return an exit code: 0 balanced, 1 out of balance, 2 not known."""
    return asyncio.run(_ledger(read(DlqAdminSettings)))


@asynccontextmanager
async def _stores(settings: DlqAdminSettings) -> AsyncIterator[tuple[Redis, Engine]]:
    redis, engine = queue_client(settings), engine_of(settings)
    try:
        yield redis, engine
    finally:
        await redis.aclose()
        engine.dispose()


async def _ledger(settings: DlqAdminSettings) -> int:
    try:
        async with _stores(settings) as (redis, engine):
            read = await read_ledger(redis, engine, partitions=Partitions(settings.queue_partitions))
    except (RedisError, Fault, OSError) as error:
        print(f"The ledger cannot be read: {error}", file=sys.stderr)
        return 2
    print(table(read))
    return 0 if read.missing == 0 else 1


def verify_audit() -> int:
    """Verify the audit chain, and return an exit code: 0 the chain is intact, 1 it is not, 2 not known."""
    engine = engine_of(read(DlqAdminSettings))
    try:
        verdict = seals.verify(engine)
    except Fault as error:
        print(f"The audit cannot be read: {error}", file=sys.stderr)
        return 2
    finally:
        engine.dispose()
    for problem in verdict.problems:
        print(problem)
    last = verdict.last
    print(f"{verdict.rows:,} audit entries sealed, {verdict.unsealed:,} waiting for their seal")
    print(f"newest seal: {last.seq} {last.hash}" if last else "no seal yet")
    print("NOT AS IT WAS SEALED" if verdict.problems else "whole")
    return 1 if verdict.problems else 0


def partitions(count: str) -> int:
    """Use the queue in `count` partitions, and return an exit code: 0 done, 1 entries still wait, 2 not done."""
    if not count.isdecimal() or not 1 <= int(count) <= MOST:
        print(f"The number of partitions is 1 to {MOST}, not {count}", file=sys.stderr)
        return 2
    return asyncio.run(_partitions(read(DlqAdminSettings), int(count)))


async def _partitions(settings: DlqAdminSettings, count: int) -> int:
    try:
        async with _stores(settings) as (redis, engine):
            await asyncio.to_thread(newest_version, engine)  # apis apply writes to the database during the change
            await agreement.change(redis, count, _EMPTY_WITHIN_S)
    except agreement.StillWaiting as waiting:
        print(f"{waiting}: are writers and dlq_admin running? Nothing was changed.", file=sys.stderr)
        return 1
    except (RedisError, Fault, OSError) as error:
        print(f"A store does not answer, so run this again: {error}", file=sys.stderr)
        return 2
    print(f"The queue is used in {count} partitions: start every service with HOLDFAST_QUEUE_PARTITIONS={count}.")
    return 0
