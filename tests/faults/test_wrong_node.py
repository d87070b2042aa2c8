"""A node that is not the primary, or does not own the keys, counts as an outage: the breaker sees it, it is counted,
and the connection is closed."""

import time
from collections.abc import AsyncIterator

import pytest

from holdfast.services.api.breakers import make_breakers
from holdfast.shared.connections.connection import WrongNode
from holdfast.shared.connections.redis import connect
from holdfast.shared.errors import QueueUnavailable
from holdfast.shared.resilience.breaker.snapshot import State
from holdfast.shared.telemetry import metrics
from tests.accepting import acceptor
from tests.faults.relay import Relay, Step
from tests.models.redis_server import RedisModel, listening
from tests.servers import PATIENT_REDIS
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


@pytest.fixture
async def node() -> AsyncIterator[tuple[RedisModel, int]]:
    """A node, and its port."""
    model = RedisModel(time.time)
    async with listening(model) as port:
        yield model, port


@pytest.mark.parametrize("answer", _ANSWERS, ids=[answer.split()[0] for answer in _ANSWERS])
async def test_the_breaker_opens(node: tuple[RedisModel, int], answer: str) -> None:
    """Each write is definitely refused, the counter has the cause, and after a few attempts no write is sent to that
    node."""
    patient = dict.fromkeys(
        ("database_timeout_s", "database_write_timeout_s", "queue_timeout_s", "cache_timeout_s", "external_timeout_s"),
        12.0,
    )
    [breaker] = make_breakers(**patient, open_s=60).queue
    counted = metrics.loop_failures.labels("accept", "wrong_node")
    before = counted._value.get()
    async with Relay(node[1]) as relay:
        redis = connect(relay.address, PATIENT_REDIS)
        taking = acceptor(redis, breaker=breaker)
        tries = 0
        while breaker.state is State.CLOSED:
            relay.steps = [Step(refusal=answer)]
            with pytest.raises(QueueUnavailable):
                await taking.accept(new_user())
            tries += 1
            assert tries <= 100
        assert counted._value.get() - before == tries
        await redis.aclose()


async def test_its_connection_is_not_used_again(node: tuple[RedisModel, int]) -> None:
    """The connection of a node that refused as a replica is closed, and the next command uses a new one, which may
    reach another node."""
    model, port = node
    redis = connect(f"127.0.0.1:{port}", PATIENT_REDIS, pool_size=1)
    await redis.set("a", "b")
    [connection] = redis.connection_pool._available_connections
    model.read_only()
    with pytest.raises(WrongNode, match=r"^READONLY"):
        await redis.set("a", "c")
    assert not connection.is_connected
    model.read_only(replica=False)
    await redis.set("a", "d")
    assert await redis.get("a") == b"d"
    await redis.aclose()
