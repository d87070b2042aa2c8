"""A replay while a partition of the queue is away: the letters of the others are sent, or withdrawn."""

import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.services.dlq_admin.replays.held import Held
from holdfast.services.dlq_admin.replays.sender import Sender
from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.claims import pairs
from holdfast.shared.queue.codec import decode
from holdfast.shared.queue.entities import claims_of
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.writes.versions import wall_clock
from tests import keys, letters, processes
from tests.away import Away
from tests.client import fetch
from tests.letters import letter
from tests.replays.test_sending import chosen
from tests.servers import PATIENT_REDIS, Database, RedisServer, wait_until

_FOUR = Partitions(4)
_AWAY = _FOUR[2]
_SETTINGS = {"HOLDFAST_QUEUE_PARTITIONS": "4", "HOLDFAST_DLQ_APPROVE_OVER": "100"}


class _Office:
    """An operator, and a replay of 40 letters, of which one partition does not take what is theirs."""

    def __init__(self, redis: RedisServer, service: processes.Service) -> None:
        self._redis = redis
        self._service = service
        self.users = [str(uuid.uuid4()) for _ in range(40)]
        # Addresses of that partition would wait, too.
        names = (name for name in map("Ann{}".format, itertools.count()) if _value_of(name) is not _AWAY)
        with redis.client() as client:
            for number, (user_id, name) in enumerate(zip(self.users, names, strict=False)):
                fields: Any = letters.fields(name=name, user_id=user_id)
                partition = _FOUR.of(user_id)
                client.xadd(partition.dead, fields, id=f"{wall_clock() // 1000 + number}-{partition.stream * 100}")
            wait_until(lambda: not any(client.xlen(each.dead) for each in _FOUR), what="all are indexed")
            for number in range(1, 4):
                client.set(_AWAY.replay(number), "no hash")
        ids = [one["id"] for one in self._ask("GET", "/dlq/letters?limit=100")]
        wish = {"selection": {"ids": ids}, "reason": "a test", "expected_count": 40}
        self._id = self._ask("POST", "/dlq/replays", json=wish)["id"]

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        answer = fetch(method, f"{self._service.url}{path}", headers=keys.bearer(keys.OPERATOR), **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def back(self) -> None:
        """The partition answers again."""
        with self._redis.client() as client:
            client.delete(*(_AWAY.replay(number) for number in range(1, 4)))

    def cancel(self) -> None:
        """The replay."""
        self._ask("POST", f"/dlq/replays/{self._id}/cancel", json={"reason": "a test"})

    @property
    def state(self) -> str:
        """Of the replay."""
        return str(self._ask("GET", f"/dlq/replays/{self._id}")["state"])

    def letters(self, *partitions: Partition) -> list[str]:
        """The states of the letters of these partitions' entities."""
        found = self._ask("GET", "/dlq/letters?limit=100")
        return [one["state"] for one in found if _FOUR.of(one["entity_id"]) in partitions]


@pytest.fixture
def office(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[_Office]:
    """With a dlq_admin of its own."""
    service = processes.dlq_admin(tmp_path, own_redis.address, own_database.dsn, **_SETTINGS).start()
    yield _Office(own_redis, service)
    service.kill()


@pytest.fixture
def writer(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[processes.Service]:
    """Not started yet."""
    service = processes.writer(tmp_path, own_redis.address, own_database.dsn, **_SETTINGS)
    yield service
    service.kill()


_OTHERS = [each for each in _FOUR if each is not _AWAY]


def test_a_replay_sends_the_letters_of_the_partitions_that_answer(office: _Office, writer: processes.Service) -> None:
    """Canary and all; those of the one that is away are sent when it is back."""
    writer.start()
    wait_until(lambda: set(office.letters(*_OTHERS)) == {"applied"}, what="the others' letters are applied")
    assert (office.state, set(office.letters(_AWAY))) == ("running", {"replaying"})
    office.back()
    wait_until(lambda: office.state == "done", what="the replay is done")
    assert set(office.letters(*_FOUR)) == {"applied"}


def test_a_cancelled_replay_gives_back_the_letters_of_the_partitions_that_answer(
    office: _Office, writer: processes.Service
) -> None:
    """It is `cancelled` only when the one that is away is back and closed, too: until then one of its letters could
    be sent."""
    office.cancel()
    wait_until(lambda: office.letters(*_OTHERS).count("replaying") <= 1, what="the others' letters are dead again")
    assert (office.state, set(office.letters(_AWAY))) == ("cancelling", {"replaying"})
    office.back()
    wait_until(lambda: set(office.letters(_AWAY)) == {"dead"}, what="these are dead again")
    writer.start()
    wait_until(lambda: office.state == "cancelled", what="the replay is cancelled")


async def test_letters_of_an_entity_are_sent_in_their_order(clean_redis: RedisServer) -> None:
    """One that wants a value of a partition that is away waits, and so does what follows of its entity; another
    entity's does not. When the partition is back all are sent, none of them twice."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    ids = (str(uuid.uuid4()) for _ in itertools.count())
    one, other = itertools.islice((each for each in ids if _FOUR.of(each) is _FOUR[0]), 2)
    wants = next(name for name in map("N{}".format, itertools.count()) if _value_of(name) is _AWAY)
    free = next(name for name in map("N{}".format, itertools.count()) if _value_of(name) is _FOUR[0])
    batch = [
        chosen(letter(number, name=name, user_id=user_id), number)
        for number, (name, user_id) in enumerate([(wants, one), (free, one), (free, other)])
    ]
    away, held = Away(redis, _AWAY), Held()
    sender = Sender(away.redis, partitions=_FOUR)
    assert [each.position for each in await sender.send(1, batch, held)] == [2]
    assert set(held.away) == {_AWAY}
    later = [chosen(letter(number, name=free, user_id=each), number) for number, each in [(3, one), (4, other)]]
    ready, waiting = sender.without_held(later, held)
    assert ([each.position for each in ready], [each.position for each in waiting]) == ([4], [3])
    away.partitions.clear()
    sent = await sender.send(1, batch, Held())
    assert [each.position for each in sent if each.entry_id] == [0, 1, 2]
    assert await redis.xlen(_FOUR[0].writes) == 3
    await redis.aclose()


def _value_of(name: str) -> Partition:
    """The partition of the address that a letter of this name has."""
    [value] = pairs(claims_of(decode(letter(1, name=name).original)))
    return _FOUR.of_text(" ".join(value))
