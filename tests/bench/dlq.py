"""`python -m tests.bench.dlq`: dlq_admin with a million dead letters: how fast it indexes, and how long an operator
waits for a page."""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from holdfast.shared.queue.names import DEAD
from holdfast.shared.store.engine import Timeouts, make_engine
from tests import keys, letters, processes
from tests.bench import dlq_seed
from tests.conftest import migrate
from tests.servers import Database, RedisServer, wait_until

AIM_P99_MS = 200.0
_ASKED = 100


def main() -> None:
    """Measure and print. The exit code is 0 if everything was measured, whatever the results."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.dlq", description=__doc__)
    parser.add_argument("--letters", type=int, default=1_000_000)
    parser.add_argument("--index", type=int, default=50_000, help="letters for the indexing rate")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _run(Path(folder), options.letters, options.index)


def _run(folder: Path, count: int, to_index: int) -> None:
    for name in ("redis", "database"):
        (folder / name).mkdir()
    queue, database = RedisServer(folder / "redis"), Database(folder / "database")
    service = None
    try:
        queue.start()
        database.start()
        migrate(database.dsn)
        began = time.monotonic()
        engine = make_engine(database.dsn, Timeouts(5, 5, 300, 50), 2)
        dlq_seed.seed(engine, count)
        engine.dispose()
        _say(f"{count:,} dead letters seeded in {time.monotonic() - began:.0f} s")
        _bury(queue, to_index)
        service = processes.dlq_admin(folder, queue.address, database.dsn)
        service.start()
        began = time.monotonic()
        before = _left(queue)
        wait_until(lambda: _left(queue) == 0, 600, "indexed")
        _say(f"indexed: {before / (time.monotonic() - began):,.0f}/s beside {count:,} ({before:,} of {to_index:,})")
        _latencies(service, count)
    finally:
        if service:
            service.kill()
        queue.kill()
        database.kill()


def _latencies(service: processes.Service, count: int) -> None:
    with httpx.Client(base_url=service.url, headers=keys.bearer(keys.OPERATOR), timeout=60) as client:
        groups = client.get("/dlq/groups").json()["data"]
        by_size = sorted(groups, key=lambda group: group["counts"]["dead"])
        small, large = by_size[0], by_size[-1]
        newest = client.get("/dlq/letters").json()["data"][0]
        deep = client.get(f"/dlq/letters?fingerprint={large['fingerprint']}&to=2025-11-24T12:00:00Z").json()["data"][-1]
        questions = {
            "groups": "/dlq/groups",
            "one group": f"/dlq/groups/{large['fingerprint']}",
            "list": "/dlq/letters?state=dead",
            "list, deep page": f"/dlq/letters?cursor={deep['id']}",
            "list of the largest group": f"/dlq/letters?state=dead&fingerprint={large['fingerprint']}",
            "list of the smallest group": f"/dlq/letters?state=dead&fingerprint={small['fingerprint']}",
            "list by reason": "/dlq/letters?reason=invalid_data",
            "list by code": f"/dlq/letters?code={small['code']}",
            "list by entity": f"/dlq/letters?entity_id={newest['entity_id']}",
            "list by operation": f"/dlq/letters?operation_id={newest['operation_id']}",
            "list by an hour": "/dlq/letters?from=2025-11-24T10:00:00Z&to=2025-11-24T11:00:00Z",
            "list by text, found": f"/dlq/letters?text={small['code']}&fingerprint={small['fingerprint']}",
            "list by text, in vain": "/dlq/letters?text=nothing",
            "one letter": f"/dlq/letters/{newest['id']}",
        }
        _say(
            f"\n{'ms, of ' + str(_ASKED):<32}{'p50':>9}{'p99':>9}{'max':>9}   aim p99 {AIM_P99_MS:.0f} ms, at {count:,}"
        )
        for name, path in questions.items():
            _say(_line(name, lambda path=path: client.get(path).raise_for_status()))  # type: ignore[misc]


def _line(name: str, ask: Callable[[], object]) -> str:
    ask()
    took = []
    for _ in range(_ASKED):
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99) - 1]
    return f"{name:<32}{p50:>9.1f}{p99:>9.1f}{took[-1]:>9.1f}   {'' if p99 <= AIM_P99_MS else 'MISSED'}".rstrip()


def _bury(queue: RedisServer, count: int) -> None:
    with queue.client() as client:
        for at in range(0, count, 1000):
            with client.pipeline(transaction=False) as pipeline:
                for number in range(at, min(at + 1000, count)):
                    pipeline.xadd(DEAD, letters.fields(code=str(number % 20)))
                pipeline.execute()


def _left(queue: RedisServer) -> int:
    with queue.client() as client:
        return int(client.xlen(DEAD))


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - it is a report


if __name__ == "__main__":
    main()
