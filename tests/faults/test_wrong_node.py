"""A node that is not the primary, or not for these keys, is an outage: seen by the breaker, counted, and left."""

from types import SimpleNamespace
from typing import Any

import pytest

from holdfast.services.api.accept import Acceptor
from holdfast.services.api.breakers import make_breakers
from holdfast.shared.connections.redis import WrongNode, connect
from holdfast.shared.errors import QueueUnavailable
from holdfast.shared.resilience.breaker.snapshot import State
from holdfast.shared.telemetry import metrics
from holdfast.shared.writes.versions import Clock
from tests.faults.relay import Relay, Step
from tests.servers import PATIENT_REDIS, RedisServer
from tests.stream import new_user

_ANSWERS = (
    "READONLY You can't write against a read only replica.",
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "NOREPLICAS Not enough good replicas to write.",
    "MOVED 3999 127.0.0.1:6381",
    "ASK 3999 127.0.0.1:6381",
    "CLUSTERDOWN Hash slot not served",
    "TRYAGAIN Multiple keys request during rehashing of slot",
)


async def _known() -> None:
    """The database has nothing that versions would have to be above."""


@pytest.mark.parametrize("answer", _ANSWERS, ids=[answer.split()[0] for answer in _ANSWERS])
async def test_the_breaker_opens(clean_redis: RedisServer, answer: str) -> None:
    """Each write is refused for certain, the counter knows why, and after a few none is sent to that node."""
    floor: Any = SimpleNamespace(tried=_known, read=_known)
    patient = dict.fromkeys(
        ("database_timeout_s", "database_write_timeout_s", "queue_timeout_s", "cache_timeout_s", "external_timeout_s"),
        12.0,
    )
    breaker = make_breakers(**patient, open_s=60).queue
    counted = metrics.loop_failures.labels("accept", "wrong_node")
    before = counted._value.get()
    async with Relay(clean_redis.port) as relay:
        redis = connect(relay.address, PATIENT_REDIS)
        acceptor = Acceptor(redis, Clock(), floor, breaker, batch_max=9, key_lifetime_s=60, entity_pending_max=9)
        tries = 0
        while breaker.state is State.CLOSED:
            relay.steps = [Step(refusal=answer)]
            with pytest.raises(QueueUnavailable):
                await acceptor.accept(new_user())
            tries += 1
            assert tries <= 100
        assert counted._value.get() - before == tries
        await redis.aclose()


async def test_its_connection_is_not_used_again(clean_redis: RedisServer) -> None:
    """The next command goes to a new one."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    ids = []
    with clean_redis.client() as client:
        try:
            for role in (("127.0.0.1", 1), ("NO", "ONE")):
                ids.append(await redis.client_id())
                client.replicaof(*role)
                if role[0] != "NO":
                    with pytest.raises(WrongNode, match=r"^READONLY"):
                        await redis.set("a", "b")
        finally:
            client.replicaof("NO", "ONE")
    assert len(set(ids)) == len(ids) == 2
    await redis.aclose()
