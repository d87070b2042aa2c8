"""`python -m tests.bench.dlq_replay`: how long a replay takes, from the request to the last letter applied; how exactly
it keeps its rate; and how long a what-if of a thousand letters takes. All stores fsync."""

import argparse
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import orjson

from holdfast.shared.queue.names import DEAD
from tests import keys, letters, processes
from tests.conftest import migrate
from tests.servers import Database, RedisServer, wait_until

_RATES = (50, 200, 500, 1000)
_PACED_S = 8
_WHAT_IFS = 5
AIM_PER_S, AIM_ERROR, AIM_WHAT_IF_S = 2000, 0.02, 5.0
_CAREFREE: Mapping[str, Any] = {"failing_share": 1, "backlog_age_s": 3600, "backlog_max": 10**9, "breaker": False}


def main() -> None:
    """Measure and print. The exit code is 0 if everything was measured, whatever the results."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.dlq_replay", description=__doc__)
    parser.add_argument("--letters", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _run(Path(folder), options.letters)


def _run(folder: Path, count: int) -> None:
    for name in ("redis", "database"):
        (folder / name).mkdir()
    queue, database = RedisServer(folder / "redis"), Database(folder / "database")
    at = (folder, queue.address, database.dsn)
    admin, writer = processes.dlq_admin(*at, HOLDFAST_DLQ_APPROVE_OVER="1000000"), processes.writer(*at)
    try:
        queue.start()
        database.start()
        migrate(database.dsn)
        admin.start()
        writer.start()
        with httpx.Client(base_url=admin.url, headers=keys.bearer(keys.OPERATOR), timeout=120) as client:
            _bury(queue, 1000)
            _what_ifs(client)
            for rate in _RATES:
                _paced(client, queue, database, rate)
            _at_full_speed(client, queue, count)
    finally:
        for service in (admin, writer):
            service.kill()
        queue.kill()
        database.kill()


def _what_ifs(client: httpx.Client) -> None:
    took = []
    for _ in range(_WHAT_IFS):
        began = time.perf_counter()
        verdict = _ask(client, "POST", "/dlq/what-if", json={"selection": {"filter": {"state": "dead"}}, "limit": 1000})
        took.append(time.perf_counter() - began)
        assert verdict["verdicts"] == {"would_apply": 1000}, verdict["verdicts"]
    worst = max(took)
    _say(f"what-if of 1,000: median {sorted(took)[len(took) // 2]:.2f} s, worst {worst:.2f} s"
         f"   aim {AIM_WHAT_IF_S:.0f} s {'' if worst <= AIM_WHAT_IF_S else 'MISSED'}")  # fmt: skip


def _paced(client: httpx.Client, queue: RedisServer, database: Database, rate: int) -> None:
    count = rate * _PACED_S
    _bury(queue, max(0, count - _dead(client)))
    replay, _ = _replay(client, count, rate)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT entry_id FROM replay_items WHERE replay_id = %s", (replay,))
        at = sorted(_us(entry) for (entry,) in cursor.fetchall())
    measured = (len(at) - 1) / ((at[-1] - at[0]) / 1e6)
    # The first batch was sent at once, so only what follows it was paced.
    error = measured / rate - 1
    _say(f"paced at {rate:>6,}/s: {measured:>10,.1f}/s, {error:>+7.2%}   aim {AIM_ERROR:.0%} "
         f"{'' if abs(error) <= AIM_ERROR else 'MISSED'}")  # fmt: skip


def _at_full_speed(client: httpx.Client, queue: RedisServer, count: int) -> None:
    _bury(queue, count - _dead(client))
    _, seconds = _replay(client, count, 100_000)
    per_s = count / seconds
    _say(f"replay of {count:,}, click to applied: {seconds:.1f} s, {per_s:,.0f}/s   aim {AIM_PER_S:,}/s "
         f"{'' if per_s >= AIM_PER_S else 'MISSED'}")  # fmt: skip


def _replay(client: httpx.Client, count: int, rate: float) -> tuple[int, float]:
    """Replay `count` of the dead letters. Return the replay's id and the seconds from the request to its end."""
    ids: list[str] = []
    cursor = None
    while len(ids) < count and count <= 10_000:
        answer = client.get(
            "/dlq/letters", params={"state": "dead", "limit": 500} | ({"cursor": cursor} if cursor else {})
        )
        ids += [each["id"] for each in answer.json()["data"]]
        cursor = answer.json()["meta"]["next_cursor"]
    selection = {"ids": ids[:count]} if ids else {"filter": {"state": "dead"}}
    wish = {"selection": selection, "reason": "bench", "expected_count": count, "rate_per_s": rate, "canary": [],
            "in_flight_max": 5000, "stop": _CAREFREE}  # fmt: skip
    began = time.monotonic()
    replay = _ask(client, "POST", "/dlq/replays", json=wish)["id"]
    wait_until(lambda: _ask(client, "GET", f"/dlq/replays/{replay}")["state"] == "done", 600, "done")
    seconds = time.monotonic() - began
    counts = _ask(client, "GET", f"/dlq/replays/{replay}")["counts"]
    assert counts["applied"] == count, counts
    return replay, seconds


def _bury(queue: RedisServer, count: int) -> None:
    """Add dead letters that the writer can now apply, and wait until they are indexed."""
    with queue.client() as client:
        for at in range(0, count, 1000):
            with client.pipeline(transaction=False) as pipeline:
                for _ in range(at, min(at + 1000, count)):
                    payload = orjson.dumps({"name": "Ann", "email": f"{uuid.uuid4().hex}@example.com"})
                    pipeline.xadd(DEAD, letters.fields(original={b"payload": payload}))
                pipeline.execute()
        wait_until(lambda: client.xlen(DEAD) == 0, 300, "indexed")


def _dead(client: httpx.Client) -> int:
    groups = _ask(client, "GET", "/dlq/groups")
    return sum(int(group["counts"]["dead"]) for group in groups)


def _ask(client: httpx.Client, method: str, path: str, **more: Any) -> Any:
    answer = client.request(method, path, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def _us(entry_id: str) -> int:
    ms, _, us = entry_id.partition("-")
    return int(ms) * 1000 + int(us)


def _say(text: str) -> None:
    print(text.rstrip(), flush=True)  # noqa: T201 - it is a report


if __name__ == "__main__":
    main()
