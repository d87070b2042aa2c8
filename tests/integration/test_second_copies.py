"""A second copy of an entry is no second write, while it waits on the stream too."""

from redis.asyncio import Redis

from holdfast.services.dlq_admin.auditor.ledger import read_ledger
from holdfast.shared.connections.redis import entries
from holdfast.shared.queue.codec import decode
from holdfast.shared.queue.names import WRITES
from holdfast.shared.store.apply import apply
from holdfast.shared.store.engine import make_engine
from holdfast.shared.writes.decide import Delivery
from tests.servers import PATIENT_DATABASE, Database, RedisServer
from tests.stream import Stream, new_user


async def test_the_ledger_balances(clean_redis: RedisServer, clean_database: Database) -> None:
    """Before the first copy is applied, and between that and its settlement."""
    stream, engine = Stream(clean_redis, clean_database), make_engine(clean_database.dsn, PATIENT_DATABASE, 2)
    redis = Redis(port=clean_redis.port)
    stream.accept([new_user()])
    [(entry_id, fields)] = entries(await redis.xrange(WRITES))
    assert (await read_ledger(redis, engine)).missing == 0
    apply(engine, [Delivery(decode(fields, entry_id), entry_id)], lambda _: False, lambda _: None)
    stream.add_raw(fields)
    ledger = await read_ledger(redis, engine)
    assert (ledger.entries, ledger.accepted, ledger.applied, ledger.missing) == (2, 1, 1, 0)
    await redis.aclose()
    engine.dispose()
