"""The replay drill: thousands of dead letters are sent again while dlq_admin, the writers, Redis and the database are
killed at random; then heal, wait for the end, and count."""

import asyncio
import random
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson

from holdfast.services.dlq_admin.auditor.ledger import read_ledger
from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.queue.names import DEAD, LEDGER, OPERATION, PREFIX, WRITES
from holdfast.shared.store.engine import Timeouts, make_engine
from tests import keys
from tests.conftest import migrate
from tests.crash.nemesis import Nemesis
from tests.crash.stage import Target
from tests.processes import QUICK, dlq_admin, writer
from tests.servers import Database, RedisServer, wait_until

_CHANCES = {"dlq_admin": 5, "writer": 3, "queue Redis": 2, "database": 2}
_WRITERS, _ADMINS = 2, 2
#: One in so many is left broken and dies again.
_BROKEN = 10
_USER, _EMAILS = PREFIX + "user:", PREFIX + "emails"
_PAGE = 1000
_END_S = 240.0
_OVER = {"done"}
_PATCH = [{"op": "move", "from": "/payload/full_name", "path": "/payload/name"}]


class ReplayStage:
    """As a Stage: `targets` are what the nemesis may kill."""

    def __init__(self, folder: Path) -> None:
        self.queue = RedisServer(_made(folder / "queue"))
        self.database = Database(_made(folder / "database"))
        at = (folder, self.queue.address, self.database.dsn)
        self.writers = [
            writer(*at, f"writer-{number}", **QUICK, HOLDFAST_WRITER_DEAD_SHARE_MAX="1") for number in range(_WRITERS)
        ]
        more = {"HOLDFAST_DLQ_LEASE_S": "2", "HOLDFAST_DLQ_APPROVE_OVER": "1000000", "HOLDFAST_DB_LOCK_WAIT_S": "2"}
        self.admins = [dlq_admin(*at, f"dlq-{number}", **more) for number in range(_ADMINS)]

    @property
    def targets(self) -> dict[str, list[Target]]:
        """Everything that runs, by kind."""
        return {
            "dlq_admin": [*self.admins], "writer": [*self.writers], "queue Redis": [self.queue],
            "database": [self.database],
        }  # fmt: skip

    def start(self) -> None:
        """All of it."""
        self.queue.start()
        self.database.start()
        migrate(self.database.dsn)
        for service in (*self.admins, *self.writers):
            service.start(wait=False)
        for service in self.admins:
            service.wait_until_alive()

    def heal(self) -> None:
        """Start what is down."""
        everything: tuple[Any, ...] = (self.queue, self.database, *self.admins, *self.writers)
        for target in everything:
            if not target.running:
                target.start()

    def end(self) -> None:
        """kill -9 of all of it."""
        everything: tuple[Any, ...] = (*self.admins, *self.writers, self.database, self.queue)
        for target in everything:
            target.kill()

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """Any dlq_admin that answers."""
        for service in random.sample(self.admins, len(self.admins)):
            try:
                answer = httpx.request(method, service.url + path, headers=keys.bearer(keys.ADMIN), timeout=60, **more)
            except httpx.TransportError:
                continue
            if answer.status_code == 200 and answer.json()["success"]:
                return answer.json()["data"]
            if answer.status_code not in (503, 504):
                raise AssertionError(f"{method} {path}: {answer.text}")
        return None


@dataclass
class ReplayDrill:
    """What was done and what came of it. Everything in `wrong` should not be."""

    seed: int
    letters: int
    kills: dict[str, int]
    counts: dict[str, int]
    seconds: float
    #: Leases that were taken: how often somebody else went on.
    leases: int
    wrong: list[str] = field(default_factory=list)

    def table(self) -> str:
        """For a terminal."""
        rows: list[tuple[str, object]] = [
            ("dead letters replayed", self.letters),
            ("kill -9", sum(self.kills.values())),
            *[(f"  {kind}", count) for kind, count in sorted(self.kills.items())],
            ("times a replica took the replay over", self.leases),
            ("seconds until it was over", round(self.seconds, 1)),
            *[(f"  {state}", count) for state, count in self.counts.items() if count],
        ]
        lines = [f"replay drill: seed {self.seed}", "", *[f"{name:<44}{value!s:>12}" for name, value in rows], ""]
        return "\n".join([*lines, *self.wrong[:20], "FAILED" if self.wrong else "PASSED"])


def run(folder: Path, letters: int, seconds: float, seed: int) -> ReplayDrill:
    """One drill: `letters` in about `seconds` of kills, and the time to finish."""
    stage, chance = ReplayStage(folder), random.Random(seed)
    nemesis = Nemesis(stage, chance, _CHANCES)  # type: ignore[arg-type]  # a stage is what has targets
    try:
        stage.start()
        good, broken = _bury(stage, letters)
        # So slow that kills hit it all along.
        wish = {"selection": {"filter": {"state": "dead"}}, "reason": "drill", "expected_count": letters,
                "rate_per_s": letters / seconds, "stop": {"failing_share": 1, "backlog_age_s": 86_400,
                "backlog_max": 10**9, "breaker": False}}  # fmt: skip
        replay = stage.ask("POST", "/dlq/replays", json=wish)
        began = asyncio.run(_storm(stage, nemesis, seconds))
        wait_until(lambda: _state(stage, replay["id"]) in _OVER, _END_S, "the replay is over")
        took = began()
        done = stage.ask("GET", f"/dlq/replays/{replay['id']}")
        wait_until(lambda: _length(stage, DEAD) == 0, what="indexed")
        told = ReplayDrill(seed, letters, dict(nemesis.kills), done["counts"], took, _leases(stage, replay["id"]))
        told.wrong = _judge(stage, good, broken, done)
        return told
    finally:
        stage.end()


async def _storm(stage: ReplayStage, nemesis: Nemesis, seconds: float) -> Any:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await nemesis.rage(seconds)
    await asyncio.to_thread(stage.heal)
    return lambda: loop.time() - began


def _bury(stage: ReplayStage, letters: int) -> tuple[set[str], set[str]]:
    """Writes of a schema that moved on, dead, and all but some mended; the operations of the good and of the others."""
    good: set[str] = set()
    broken: set[str] = set()
    with stage.queue.client() as client:
        for at in range(0, letters, _PAGE):
            pipeline = client.pipeline(transaction=False)
            for number in range(at, min(at + _PAGE, letters)):
                operation, user = str(uuid.uuid4()), str(uuid.uuid4())
                bad = number % _BROKEN == 0
                (broken if bad else good).add(operation)
                name = "nom" if bad else "full_name"
                payload = orjson.dumps({name: f"name {number}", "email": f"{user}@example.com"})
                fields = {"schema": "1", "command": "CreateUser", "operation_id": operation, "user_id": user,
                          "version": str(1_700_000_000_000_000 + number), "payload": payload}  # fmt: skip
                pipeline.xadd(WRITES, fields)
            pipeline.execute()
    wait_until(lambda: _length(stage, WRITES) == _length(stage, DEAD) == 0, what="dead and indexed")
    for at in range(0, letters, _PAGE * 10):
        wish = {"selection": {"filter": {"state": "dead"}}, "reason": "renamed", "patch": _PATCH}
        stage.ask("POST", "/dlq/transforms", json=wish | {"expected_count": letters})
        assert at == 0
    return good, broken


def _judge(stage: ReplayStage, good: set[str], broken: set[str], done: dict[str, Any]) -> list[str]:
    """What should not be."""
    wrong = []
    counts = {state: count for state, count in done["counts"].items() if count}
    if counts != {"applied": len(good), "failed_same": len(broken)}:
        wrong.append(f"outcomes: {counts}")
    with stage.database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT operation_id FROM operations WHERE effect = 'applied'")
        applied = {row[0] for row in cursor.fetchall()}
        cursor.execute("SELECT operation_id, state, COUNT(*) FROM dead_letters GROUP BY 1, 2")
        letters = {(operation, state): count for operation, state, count in cursor.fetchall()}
        cursor.execute("SELECT COUNT(*) FROM users WHERE created_version > 0")
        users = cursor.fetchone()[0]  # type: ignore[index]
    wrong += [f"lost: {operation}" for operation in sorted(good - applied)]
    wrong += [f"applied, and should not be: {operation}" for operation in sorted(applied - good)]
    expected = {(operation, "applied"): 1 for operation in good}
    expected |= {(operation, state): 1 for operation in broken for state in ("dead_again", "dead")}
    wrong += [f"letters: {key} {letters.get(key)}" for key in sorted(letters.keys() | expected.keys())
              if letters.get(key) != expected.get(key)]  # fmt: skip
    if users != len(good):
        wrong.append(f"users: {users}")
    with stage.queue.client() as client:
        kept = client.hgetall(LEDGER)
        if kept != {b"replayed": str(len(good) + len(broken)).encode()}:
            wrong.append(f"on the stream otherwise than once each: {kept}")
        left = [key.decode() for pattern in (_USER, OPERATION) for key in client.scan_iter(f"{pattern}*", count=1000)]
        if left or client.hlen(_EMAILS):
            wrong.append(f"left: {left[:5]}, {client.hlen(_EMAILS)} addresses")
    missing = asyncio.run(_missing(stage))
    if missing:
        wrong.append(f"the ledger misses {missing}")
    return wrong


async def _missing(stage: ReplayStage) -> int:
    redis, engine = (
        connect(stage.queue.address, RedisTimeouts(2, 5)),
        make_engine(stage.database.dsn, Timeouts(2, 2, 30, 2), pool_size=2),
    )
    try:
        return (await read_ledger(redis, engine)).missing
    finally:
        await redis.aclose()
        engine.dispose()


def _leases(stage: ReplayStage, replay_id: int) -> int:
    with stage.database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT lease_token FROM replays WHERE id = %s", (replay_id,))
        return int(cursor.fetchone()[0])  # type: ignore[index]


def _state(stage: ReplayStage, replay_id: int) -> str:
    told = stage.ask("GET", f"/dlq/replays/{replay_id}")
    return str(told["state"]) if told else ""


def _length(stage: ReplayStage, stream: str) -> int:
    with stage.queue.client() as client:
        return int(client.xlen(stream))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
