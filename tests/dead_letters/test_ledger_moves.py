"""The ledger under load: writes are applied and dead-lettered, letters are indexed, discarded, restored and replayed,
and the indexer is killed. At every reading, each accepted write is counted once."""

import asyncio
from pathlib import Path
from typing import Any

from holdfast.services.dlq_admin.auditor.ledger import reading_at
from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.names import WRITES
from holdfast.shared.store.engine import make_engine
from holdfast.shared.writes.ledger import Ledger, table
from tests import keys, processes
from tests.integration.test_writer_dead_letters import POISON
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS, START_DEADLINE_S, Database, RedisServer, wait_until
from tests.stream import Stream, new_user
from tests.verify import poison

_TURNS, _GOOD, _POISON = 8, 40, 15
_COPIES = 6
#: Readings per turn, while the writer works off the turn.
_LOOKS = 4
_LETTERS = 150


async def test_it_balances_all_along(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> None:
    """Every single reading balances, and in the end every poison write is dead or discarded, as was decided."""
    stream = Stream(own_redis, own_database)
    at = (tmp_path, own_redis.address, own_database.dsn)
    writer = processes.writer(*at, **(processes.QUICK | {"HOLDFAST_WRITER_DEAD_SHARE_MAX": "1"}))
    admin = processes.dlq_admin(*at)
    redis, engine = connect(own_redis.address, PATIENT_REDIS), make_engine(own_database.dsn, PATIENT_DATABASE, 2)
    looks: list[Ledger] = []
    try:
        writer.start(wait=False)
        admin.start()
        for turn in range(_TURNS):
            stream.accept([new_user() for _ in range(_GOOD)])
            with own_redis.client() as client:  # second copies of some writes, good and poison
                stream.add_raw(*[fields for _, fields in client.xrange(WRITES, count=_COPIES)])
            stream.add_raw(*[POISON | {b"operation_id": f"op-{turn}-{each}".encode()} for each in range(_POISON)])
            looks += [await reading_at(redis, engine, None) for _ in range(_LOOKS)]
            if turn == _TURNS // 2:
                admin.kill()
                looks.append(await reading_at(redis, engine, None))
                admin.start()
            await asyncio.to_thread(_discard_some, admin)
            looks.append(await reading_at(redis, engine, None))
        async with asyncio.timeout(START_DEADLINE_S):
            while (last := await reading_at(redis, engine, None)).in_flight or stream.dead():
                looks.append(last)
                await asyncio.sleep(0.1)
        for look in (*looks, last):
            assert look.missing == 0, table(look)
        assert last.applied == _TURNS * _GOOD
        assert last.dead_lettered + last.discarded == _TURNS * _POISON
        assert last.discarded > 0
    finally:
        writer.kill()
        admin.kill()
        await redis.aclose()
        engine.dispose()


async def test_it_balances_while_letters_are_sent_again(
    own_redis: RedisServer, own_database: Database, tmp_path: Path
) -> None:  # fmt: skip
    """Every reading balances during a replay in which a tenth of the letters dies again and the others are applied,
    some of each between any two reads of a store."""
    stream = Stream(own_redis, own_database)
    at = (tmp_path, own_redis.address, own_database.dsn)
    writer = processes.writer(*at, **(processes.QUICK | {"HOLDFAST_WRITER_DEAD_SHARE_MAX": "1"}))
    admin = processes.dlq_admin(*at)
    redis, engine = connect(own_redis.address, PATIENT_REDIS), make_engine(own_database.dsn, PATIENT_DATABASE, 2)
    try:
        writer.start(wait=False)
        admin.start()
        stream.add_raw(*map(poison.entry, range(_LETTERS)))
        wait_until(lambda: stream.backlog() == len(stream.dead()) == 0, what="all are dead, and indexed")
        every = {"selection": {"filter": {"state": "dead"}}, "reason": "the drill", "expected_count": _LETTERS}
        with admin.client(headers=keys.bearer(keys.ADMIN)) as client:
            for what, more in (
                ("transforms", {"patch": poison.PATCH}),
                ("replays", {"rate_per_s": _LETTERS / 3, "stop": poison.STOP}),
            ):
                made = client.post(f"/dlq/{what}", json=every | more)
                assert made.status_code == 200, made.text
        async with asyncio.timeout(START_DEADLINE_S):
            while True:
                look = await reading_at(redis, engine, None)
                assert look.missing == 0, table(look)
                if look.applied == _LETTERS * 9 // 10 and look.replayed == _LETTERS and not look.in_flight:
                    break
        assert (look.accepted, look.dead_lettered) == (_LETTERS, _LETTERS // 10)
    finally:
        writer.kill()
        admin.kill()
        await redis.aclose()
        engine.dispose()


def _discard_some(admin: processes.Service) -> None:
    """Discard the newest few, and restore one that was discarded."""
    with admin.client(headers=keys.bearer(keys.OPERATOR)) as client:
        for state, what, count in (("dead", "discards", 5), ("discarded", "restores", 1)):
            found: list[Any] = client.get("/dlq/letters", params={"state": state, "limit": count}).json()["data"]
            if found:
                ids = [letter["id"] for letter in found]
                wish = {"selection": {"ids": ids}, "reason": "the drill", "expected_count": len(ids)}
                assert client.post(f"/dlq/{what}", json=wish).status_code == 200
