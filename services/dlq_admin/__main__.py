"""`python -m services.dlq_admin [serve | ledger]`."""

import argparse
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


def main() -> int:
    """Exit code of `ledger`: 0 balanced, 1 out of balance, 2 not known."""
    parser = argparse.ArgumentParser(prog="python -m services.dlq_admin", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["serve", "ledger"], default="serve")
    command = parser.parse_args().command
    settings = DlqAdminSettings()
    if command == "ledger":
        return asyncio.run(_ledger(settings))
    logs.configure("dlq_admin", settings.log_level, settings.log_style)
    uvloop.run(DlqAdmin(settings).run())
    return 0


async def _ledger(settings: DlqAdminSettings) -> int:
    redis, engine = stores(settings)
    try:
        ledger = await read_ledger(redis, engine)
    except (RedisError, Fault, OSError) as error:
        print(f"The ledger cannot be read: {error}", file=sys.stderr)
        return 2
    finally:
        await redis.aclose()
        engine.dispose()
    print(table(ledger))
    return 0 if ledger.missing == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
