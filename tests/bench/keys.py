"""`python -m tests.bench.keys`: the memory of the queue that Idempotency-Keys take: the record that stays until soon
after the operation, and the traces that stay for a key's lifetime."""

import argparse
import secrets
import tempfile
from dataclasses import replace
from pathlib import Path

from redis import Redis

from deploy.charts import table
from deploy.local.output import echo
from holdfast.shared.queue.names import CLOCK, KEY, KEYS_SINCE, KEYS_USED, PREFIX, WRITES
from tests.servers import RedisServer
from tests.stream import ACCEPT_SCRIPT, new_user

_LIFETIME_S, _RECORD_S, _BATCH = 86_400, 300, 500
_RATES = (15, 100, 1000)
_HEAD = ("keyed writes/s", "records for a day MB", "records and traces MB")


def main() -> None:
    """Measure, and print the sizes."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.keys", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--keys", type=int, default=200_000, help="how many")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder), "--appendfsync", "no")
        server.start()
        try:
            with server.client() as redis:
                _measure(redis, options.keys)
        finally:
            server.kill()


def _measure(redis: Redis, count: int) -> None:
    redis.set(KEYS_SINCE, 0)
    redis.script_load(ACCEPT_SCRIPT)
    unsure = 0
    for _ in range(0, count, _BATCH):
        candidates = [replace(new_user(), key_hash=secrets.token_hex(32), body_hash="b" * 64) for _ in range(_BATCH)]
        values = [value for candidate in candidates for value in candidate.arguments()]
        answers = redis.eval(ACCEPT_SCRIPT, 2, WRITES, CLOCK, PREFIX, 0, 1, _LIFETIME_S, 100, *values)
        unsure += sum(b"unsure" in answer for answer in answers)
    record, traces = _freed(redis, f"{KEY}*") / count, _freed(redis, f"{KEYS_USED}*")
    echo(
        f"a record: {record:.0f} B; the traces of {count:,} keys: {traces / 1e6:.1f} MB, {traces / count:.1f} B a key;"
    )
    echo(f"new keys that the database is asked about: {unsure / count:.2%}")
    rows = [
        [
            str(rate),
            f"{rate * record * _LIFETIME_S / 1e6:,.0f}",
            f"{(rate * record * _RECORD_S + 2 * traces) / 1e6:,.0f}",
        ]
        for rate in _RATES
    ]
    echo(table.text(_HEAD, rows))


def _freed(redis: Redis, pattern: str) -> int:
    """Delete the keys that match `pattern`, and return the bytes that this freed."""
    before, names = _used(redis), list(redis.scan_iter(pattern, count=10_000))
    for at in range(0, len(names), 1000):
        redis.delete(*names[at : at + 1000])
    return before - _used(redis)


def _used(redis: Redis) -> int:
    return int(redis.info("memory")["used_memory"])


if __name__ == "__main__":
    main()
