"""Process: `serve`, the service itself, and `ledger`, a look at both stores without it."""

import asyncio
import sys

import uvloop
from redis.exceptions import RedisError

from services.dlq_admin.app import DlqAdmin, stores
from services.dlq_admin.ledger import read_ledger
from services.dlq_admin.settings import DlqAdminSettings
from shared import logs
from shared.faults import Fault
from shared.ledger import table
from shared.tracing import spans


def serve() -> int:
    """Until SIGTERM."""
    settings = DlqAdminSettings()
    logs.configure("dlq_admin", settings.log_level, settings.log_style)
    spans.begin("dlq_admin", settings.instance, settings.otlp_endpoint, settings.trace_share)
    uvloop.run(DlqAdmin(settings).run())
    spans.end()
    return 0


def ledger() -> int:
    """Exit code: 0 balanced, 1 out of balance, 2 not known."""
    return asyncio.run(_ledger(DlqAdminSettings()))


async def _ledger(settings: DlqAdminSettings) -> int:
    redis, engine = stores(settings)
    try:
        read = await read_ledger(redis, engine)
    except (RedisError, Fault, OSError) as error:
        print(f"The ledger cannot be read: {error}", file=sys.stderr)
        return 2
    finally:
        await redis.aclose()
        engine.dispose()
    print(table(read))
    return 0 if read.missing == 0 else 1
