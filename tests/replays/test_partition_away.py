"""A replay while a partition of the queue is away: the letters of the others are sent, or withdrawn."""

import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.services.dlq_admin.replays.held import Held
from holdfast.services.dlq_admin.replays.sender import Sender
from holdfast.shared.connections.redis import connect, text
from holdfast.shared.queue.codec import decode
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
#: The keys that the partition keeps of the first replays.
_REPLAYS = [_AWAY.replay(number) for number in range(1, 4)]
_SETTINGS = {"HOLDFAST_QUEUE_PARTITIONS": "4", "HOLDFAST_DLQ_APPROVE_OVER": "100"}


class _Office:
    """An operator with 40 dead letters and a replay of them, who can cut off one partition."""

    def __init__(self, redis: RedisServer, service: processes.Service) -> None:
        self._redis = redis
        self._service = service
        self._id = 0
        users = [str(uuid.uuid4()) for _ in range(40)]
        # Letters with addresses of that partition would wait too.
        names = (name for name in map("Ann{}".format, itertools.count()) if _value_of(name) is not _AWAY)
        with redis.client() as client:
            for number, (user_id, name) in enumerate(zip(users, names, strict=False)):
                fields: Any = letters.fields(name=name, user_id=user_id)
                partition = _FOUR.of(user_id)
                client.xadd(partition.dead, fields, id=f"{wall_clock() // 1000 + number}-{partition.stream * 100}")
            wait_until(lambda: not any(client.xlen(each.dead) for each in _FOUR), what="all are indexed")

    def replay(self, **plan: Any) -> None:
        """Replay all letters."""
        ids = [one["id"] for one in self._ask("GET", "/dlq/letters?limit=100")]
        wish = {"selection": {"ids": ids}, "reason": "a test", "expected_count": 40, **plan}
        self._id = self._ask("POST", "/dlq/replays", json=wish)["id"]

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        answer = fetch(method, f"{self._service.url}{path}", headers=keys.bearer(keys.OPERATOR), **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def away(self) -> None:
        """Make the partition answer the replay's calls with an error."""
        with self._redis.client() as client:
            for key in _REPLAYS:
                if client.exists(key):
                    client.rename(key, f"{key}:aside")
                client.set(key, "no hash")

    def back(self) -> None:
        """Make the partition answer again."""
        with self._redis.client() as client:
            for key in _REPLAYS:
                client.delete(key)
                if client.exists(f"{key}:aside"):
                    client.rename(f"{key}:aside", key)

    def order(self, word: str) -> None:
        """Send an order to the replay."""
        self._ask("POST", f"/dlq/replays/{self._id}/{word}", json={"reason": "a test"})

    def seen(self) -> Any:
        """Return the replay."""
        return self._ask("GET", f"/dlq/replays/{self._id}")

    @property
    def state(self) -> str:
        """The state of the replay."""
        return str(self.seen()["state"])

    def letters(self, *partitions: Partition) -> list[str]:
        """Return the states of the letters whose entities belong to these partitions."""
        found = self._ask("GET", "/dlq/letters?limit=100")
        return [one["state"] for one in found if _FOUR.of(one["entity_id"]) in partitions]


@pytest.fixture
def office(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[_Office]:
    """An operator at a dlq_admin of its own, whose first replay is number 1."""
    with own_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE replays AUTO_INCREMENT = 1")
    service = processes.dlq_admin(tmp_path, own_redis.address, own_database.dsn, **_SETTINGS).start()
    yield _Office(own_redis, service)
    service.kill()


@pytest.fixture
def writer(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[processes.Service]:
    """A writer that is not started yet."""
    service = processes.writer(tmp_path, own_redis.address, own_database.dsn, **_SETTINGS)
    yield service
    service.kill()


_OTHERS = [each for each in _FOUR if each is not _AWAY]


def test_a_replay_sends_the_letters_of_the_partitions_that_answer(office: _Office, writer: processes.Service) -> None:
    """While a partition is away, a replay with a canary sends the letters of the others; it sends those of the
    partition once it is back."""
    writer.start()
    office.away()
    office.replay()
    wait_until(lambda: set(office.letters(*_OTHERS)) == {"applied"}, what="the others' letters are applied")
    assert (office.state, set(office.letters(_AWAY))) == ("running", {"replaying"})
    office.back()
    wait_until(lambda: office.state == "done", what="the replay is done")
    assert set(office.letters(*_FOUR)) == {"applied"}


def test_a_cancelled_replay_gives_back_the_letters_of_the_partitions_that_answer(
    office: _Office, writer: processes.Service
) -> None:
    """A replay is `cancelled` only once the partition that was away is back and closed, because until then one of its
    letters could be sent."""
    office.away()
    office.replay()
    office.order("cancel")
    wait_until(lambda: office.letters(*_OTHERS).count("replaying") <= 1, what="the others' letters are dead again")
    assert (office.state, set(office.letters(_AWAY))) == ("cancelling", {"replaying"})
    office.back()
    wait_until(lambda: set(office.letters(_AWAY)) == {"dead"}, what="these are dead again")
    writer.start()
    wait_until(lambda: office.state == "cancelled", what="the replay is cancelled")


def test_a_recall_takes_back_what_the_partitions_that_answer_hold(office: _Office) -> None:
    """A recall takes back the letters of the partitions that answer at once, and those of the other when it is back;
    until then the replay is `recalling`."""
    office.replay(canary=[])
    wait_until(lambda: office.seen()["counts"]["sent"] == 40, what="all are sent")
    office.away()
    office.order("recall")
    wait_until(lambda: set(office.letters(*_OTHERS)) == {"dead"}, what="the others' letters are dead again")
    seen, there = office.seen(), len(office.letters(_AWAY))
    assert (seen["state"], seen["counts"]["recalled"], seen["counts"]["sent"]) == ("recalling", 40 - there, there)
    office.back()
    wait_until(lambda: office.state == "recalled", what="the replay is recalled")
    assert (set(office.letters(*_FOUR)), office.seen()["counts"]["recalled"]) == ({"dead"}, 40)


async def test_letters_of_an_entity_are_sent_in_their_order(clean_redis: RedisServer) -> None:
    """A letter that claims a value of a partition that is away waits, and so do later letters of its entity, but not
    those of other entities. When the partition is back, all are sent once."""
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


async def test_a_letter_is_taken_back_when_the_partition_of_its_value_answers(clean_redis: RedisServer) -> None:
    """A letter whose value belongs to a partition that is away keeps its entry, so that no other write takes the value
    meanwhile; other letters are recalled."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    users = itertools.islice((each for each in iter(lambda: str(uuid.uuid4()), "") if _FOUR.of(each) is _FOUR[0]), 2)
    names = [next(n for n in map("N{}".format, itertools.count()) if _value_of(n) is of) for of in (_AWAY, _FOUR[1])]
    batch = [
        chosen(letter(number, name=name, user_id=user_id), number)
        for number, (name, user_id) in enumerate(zip(names, users, strict=True))
    ]
    away = Away(redis)
    sender = Sender(away.redis, partitions=_FOUR)
    entries = {one.position: one.entry_id or "" for one in await sender.send(1, batch, Held())}
    away.partitions.append(_AWAY)
    held = await sender.close(1)
    assert [one.position for one in await sender.recall(1, batch, entries, held)] == [1]
    assert [text(entry) for entry, _ in await redis.xrange(_FOUR[0].writes)] == [entries[0]]
    away.partitions.clear()
    assert [one.position for one in await sender.recall(1, batch, entries, Held())] == [0, 1]
    assert await redis.xlen(_FOUR[0].writes) == 0
    await redis.aclose()


def _value_of(name: str) -> Partition:
    """Return the partition of the address of a letter with this name."""
    [value] = decode(letter(1, name=name).original).claims
    return _FOUR.of_text(" ".join(value))
