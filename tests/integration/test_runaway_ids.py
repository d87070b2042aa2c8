"""Whatever was put on the stream or into the clock by hand, versions stay within the range that every writer
accepts."""

import itertools
import random
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from holdfast.services.api.candidate import Candidate
from holdfast.shared.connections.script import text_of
from holdfast.shared.letters.ids import number_of
from holdfast.shared.queue.codec import decode
from holdfast.shared.queue.names import CLOCK, DEAD, DLQ_GROUP, LEDGER, LUA, PREFIX, WRITERS_GROUP, WRITES
from holdfast.shared.queue.partitions import mended
from holdfast.shared.writes.versions import HORIZON_US, VERSION_MAX, from_stream_id, to_stream_id
from tests.servers import RedisServer, wait_until
from tests.stream import ACCEPT_SCRIPT, new_user

_US = 1_000_000
_FLOOR_SCRIPT = text_of(LUA / "floor.lua")
_JUNK_IDS = (
    "18446744073709551615-18446744073709551615", "18446744073709551614-0", "9223372036854775808-7",
    "9007199254740993-1", "9007199254740-992", "7881299347898-368", "4102444800000-5000",
)  # fmt: skip
_AHEAD_S = (3600, 86_390, 86_410, 7 * 86_400, 400 * 86_400)
_ODD_CLOCKS = ("", "abc", "-1", "0", "nan", "inf", "1e300", "0x7fffffffffffff", str(2**53), str(2**63), "9" * 40,
               str(8 * 10**15 - 1), "4102444800000000", " 1764000000000000 ")  # fmt: skip


def accept(client: redis.Redis, *candidates: Candidate, floor: object = 0, sure: str = "1") -> Any:
    """Return the answer of the accept script."""
    values = [value for candidate in candidates for value in candidate.arguments()]
    return client.eval(ACCEPT_SCRIPT, 2, WRITES, CLOCK, PREFIX, str(floor), sure, 60, 1000, *values)


def _last_id(client: redis.Redis) -> str:
    return str(client.xinfo_stream(WRITES)["last-generated-id"].decode())  # type: ignore[index, call-overload]


def _shape(client: redis.Redis) -> Any:
    """Return the stream's entries, the number of entries ever added, its groups and the number of pending entries."""
    about: Any = client.xinfo_stream(WRITES)
    groups: Any = client.xinfo_groups(WRITES)
    read = [(group["name"], group["last-delivered-id"], group["entries-read"], group["lag"]) for group in groups]
    return client.xrange(WRITES), about["entries-added"], read, sum(group["pending"] for group in groups)


def versions_of(answers: list[list[Any]]) -> list[int]:
    """Return the versions of the accepted writes. Answers about moved entries are ignored."""
    accepted = [answer for answer in answers if answer[0] != b"mended"]
    assert {answer[0] for answer in accepted} == {b"accepted"}, accepted
    return [int(answer[3]) for answer in accepted]


def now_us() -> int:
    """Return the time by this machine's clock, which Redis uses, too."""
    return int(time.time() * _US)


class Case:
    """A stream in a random state, with the numbers that a test expects of it."""

    def __init__(self, client: redis.Redis, chance: random.Random) -> None:
        self.client, self.chance = client, chance
        client.flushall()
        client.xgroup_create(WRITES, WRITERS_GROUP, "0", mkstream=True)
        client.xgroup_create(WRITES, "others", "0")
        self.entries = 0
        self.given = self.write(chance.randrange(4))

    def write(self, count: int, **more: Any) -> list[int]:
        """Accept `count` writes and return their versions."""
        if not count:
            return []
        versions = versions_of(accept(self.client, *[new_user() for _ in range(count)], **more))
        self.entries += count
        return versions

    def junk(self, entry_id: str) -> dict[bytes, bytes]:
        """Add an entry by hand and return its fields."""
        fields = {b"command": b"CreateUser", uuid.uuid4().hex.encode(): b"\x00\xff", b"version": str(2**52).encode()}
        self.client.xadd(WRITES, dict(fields), id=entry_id)
        self.entries += 1
        return fields

    def read(self, count: int, group: str = WRITERS_GROUP) -> dict[str, dict[bytes, bytes]]:
        """Deliver new entries to a reader and return them."""
        pages: Any = self.client.xreadgroup(group, "writer-1", {WRITES: ">"}, count=count) if count else []
        return {id.decode(): fields for _, page in pages for id, fields in page}

    def settle(self, *ids: str) -> None:
        """Acknowledge and delete the entries, as a writer does."""
        if ids:
            self.client.xack(WRITES, WRITERS_GROUP, *ids)
            self.client.xdel(WRITES, *ids)

    def info(self) -> Any:
        """Return what Redis reports about the stream."""
        return self.client.xinfo_stream(WRITES)


@pytest.mark.parametrize("seed", range(40))
def test_junk_ids_poison_nothing(clean_redis: RedisServer, seed: int) -> None:
    """After entries with ids far ahead, whether delivered, settled or neither, later writes get plausible versions, and
    no entry is lost or delivered twice."""
    chance = random.Random(seed)
    with clean_redis.client() as client:
        case = Case(client, chance)
        seen = case.read(chance.randrange(3))
        far = chance.random() < 0.7
        ids = [chance.choice(_JUNK_IDS)] if far else [f"{now_us() // 1000 + chance.choice(_AHEAD_S) * 1000}-0"]
        junk = [case.junk(entry_id) for entry_id in ids]
        if not far and chance.random() < 0.5:
            junk.append(case.junk(chance.choice(_JUNK_IDS)))
        read = case.read(chance.randrange(6))
        settled = [id for id in (seen | read) if chance.random() < 0.3]
        case.settle(*settled)
        gone = [(seen | read)[id] for id in settled]
        waiting = {row["message_id"].decode(): row["times_delivered"] for row in case.client.xpending_range(
            WRITES, WRITERS_GROUP, "-", "+", 100)}  # fmt: skip
        before = {id.decode(): fields for id, fields in client.xrange(WRITES)}

        versions = case.write(3) + case.write(1)

        assert case.given + versions == sorted(set(case.given + versions))
        limit = now_us() + HORIZON_US
        assert all(version <= limit for version in versions)
        entries = {id.decode(): fields for id, fields in client.xrange(WRITES)}
        for version in versions:
            assert decode(entries[to_stream_id(version)], to_stream_id(version)).version == version
        assert all(from_stream_id(id) <= limit for id in entries)
        for id, fields in before.items():
            if from_stream_id(id) <= limit - _US * 60:
                assert entries[id] == fields
        for fields in junk:
            same = [found for found in entries.values() if fields.items() <= found.items()]
            assert len(same) + sum(fields.items() <= each.items() for each in gone) == 1
        assert len(entries) == len(before) + 4
        assert case.info()["entries-added"] == case.entries
        still = {row["message_id"].decode(): row["times_delivered"] for row in client.xpending_range(
            WRITES, WRITERS_GROUP, "-", "+", 100)}  # fmt: skip
        assert still == {id: times for id, times in waiting.items() if id in entries}
        assert set(case.read(100)) == set(entries) - set(still), "each is read once"
        assert len(case.read(100, "others")) == len(entries)


@pytest.mark.parametrize(("kept", "floor"), list(itertools.product(_ODD_CLOCKS, ("0", str(2**53), "abc"))))
def test_a_clock_of_nonsense_is_none(clean_redis: RedisServer, kept: str, floor: str) -> None:
    """Neither a malformed clock nor a malformed floor leads to a version that a writer refuses, and versions still
    increase."""
    with clean_redis.client() as client:
        [first] = versions_of(accept(client, new_user()))
        client.set(CLOCK, kept)
        [second] = versions_of(accept(client, new_user(), floor=floor))
        assert first < second < now_us() + HORIZON_US
        client.delete(CLOCK)
        client.rpush(CLOCK, "of another type")
        [third] = versions_of(accept(client, new_user(), floor=floor))
        assert second < third < now_us() + HORIZON_US
        assert client.get(CLOCK) == str(third).encode()


@pytest.mark.parametrize("ahead_s", [7200, 3 * 86_400, 400 * 86_400, 20 * 365 * 86_400])
def test_what_two_agree_on_is_followed(clean_redis: RedisServer, ahead_s: int) -> None:
    """If the clock and the stream agree on a version ahead of the time, however far, or if the database reports it,
    later versions are above it: it is in use since the queue's clock was ahead."""
    with clean_redis.client() as client:
        newest = now_us() + ahead_s * _US
        client.xadd(WRITES, {"left": "behind"}, id=to_stream_id(newest))
        client.set(CLOCK, newest)
        assert versions_of(accept(client, new_user())) == [newest + 1]
        client.flushall()
        assert versions_of(accept(client, new_user(), floor=newest)) == [newest + 1], "the database says so"


def _end_ids(client: redis.Redis, floor: int) -> None:
    """Raise the stream's ids to the floor, as an auditor does when an epoch begins."""
    assert int(client.eval(_FLOOR_SCRIPT, 3, CLOCK, WRITES, mended(WRITES), floor, 0)) == floor  # type: ignore[arg-type]


def test_no_id_is_given_out_of_before_the_floor(clean_redis: RedisServer) -> None:
    """After the floor is raised, an entry added by hand gets an id above it, whether the stream existed or not, and the
    stream keeps its entries, counts and groups. A blocked reader gets at most one empty reply (before Redis 7.2) and
    then the next entry."""
    floor = now_us() + 300 * _US
    with clean_redis.client() as client, clean_redis.client() as reader, ThreadPoolExecutor(1) as threads:

        def read_on() -> None:
            while not (replies and replies[-1]):
                [[_, found]] = reader.xreadgroup(WRITERS_GROUP, "one", {WRITES: ">"}, block=0)
                replies.append(found)

        def waits() -> bool:
            return client.info("clients")["blocked_clients"] == 1

        replies: list[Any] = []
        _end_ids(client, floor - 1)
        assert (_last_id(client), _shape(client)) == (to_stream_id(floor - 1), ([], 0, [], 0))
        client.delete(WRITES, CLOCK)
        client.xgroup_create(WRITES, WRITERS_GROUP, "0", mkstream=True)
        accept(client, new_user(), new_user())
        client.xreadgroup(WRITERS_GROUP, "one", {WRITES: ">"})
        before = _shape(client)
        reading = threads.submit(read_on)
        wait_until(waits, what="a reader waits")
        for _ in range(2):
            _end_ids(client, floor)
            assert (_last_id(client), _shape(client)) == (to_stream_id(floor), before)
        wait_until(waits, what="it waits, or waits again")
        added = client.xadd(WRITES, {"x": "1"})
        reading.result()
        assert from_stream_id(added.decode()) > floor  # type: ignore[union-attr]
        *before_it, last = replies
        assert (before_it in ([], [[]]), last) == (True, [(added, {b"x": b"1"})])
        assert not client.exists(mended(WRITES))


def test_a_queue_without_memory_asks_first(clean_redis: RedisServer) -> None:
    """Without a clock, and without a floor from the database, nothing is accepted and nothing is written."""
    with clean_redis.client() as client:
        assert accept(client, new_user(), floor=now_us(), sure="") == b"no_clock"
        assert client.keys() == []
        versions_of(accept(client, new_user(), sure="1"))
        versions_of(accept(client, new_user(), sure=""))


def test_no_version_is_given_out_that_codecs_refuse(clean_redis: RedisServer) -> None:
    """A version above the highest credible clock and id is still one that the codec accepts."""
    with clean_redis.client() as client:
        believed = VERSION_MAX - 2**50 - 1
        client.set(CLOCK, believed)
        client.xadd(WRITES, {"left": "behind"}, id=to_stream_id(believed))
        [version] = versions_of(accept(client, new_user()))
        assert version == believed + 1
        assert decode(client.xrevrange(WRITES, count=1)[0][1]).version == version


def test_a_replay_is_never_older_than_its_write(clean_redis: RedisServer) -> None:
    """A letter from a time when the queue's clock was ahead is replayed as one entry with an id not older than its
    write, and a repeated replay adds no second entry."""
    with clean_redis.client() as client:
        ahead = now_us() + 7200 * _US
        keys = [WRITES, CLOCK, LEDGER, PREFIX + "replay:1"]
        write = [str(uuid.uuid4()), "users", "u", "user:u", "CreateUser", ahead, "{}"]
        about = ["1-0", *write, 0, 0, 2, "version", ahead]
        answer: Any = client.eval(text_of(LUA / "replay.lua"), 4, *keys, PREFIX, "1", *about)
        assert from_stream_id(answer[0].decode()) >= ahead
        assert client.exists(CLOCK) == 0, "a queue that has lost its clock still asks the database"
        assert client.eval(text_of(LUA / "replay.lua"), 4, *keys, PREFIX, "1", *about) == answer


@pytest.mark.parametrize("junk_id", [*_JUNK_IDS[:4], "7881299347899-0"])
def test_junk_among_dead_letters_keeps_no_letter_out_of_the_table(clean_redis: RedisServer, junk_id: str) -> None:
    """With junk on the dead-letter stream, the junk and the next letter get ids that fit into the table, and delivered
    entries are delivered again."""
    with clean_redis.client() as client:
        client.xgroup_create(DEAD, DLQ_GROUP, "0", mkstream=True)
        client.xadd(DEAD, {"junk": "1"}, id=junk_id)
        client.xreadgroup(DLQ_GROUP, "dlq-1", {DEAD: ">"})
        [version] = versions_of(accept(client, new_user()))
        keys = [WRITES, DEAD, LEDGER]
        entry = [to_stream_id(version), "dead", "", "", "", "", 0, 2, "reason", "undecodable"]
        assert client.eval(text_of(LUA / "settle.lua"), 3, *keys, PREFIX, WRITERS_GROUP, *entry) == [1]
        letters = client.xrange(DEAD)
        assert [number_of(id.decode()) < 2**63 for id, _ in letters] == [True, True]
        assert letters[0][1] == {b"junk": b"1", b"moved_from": junk_id.encode()}
        pages: Any = client.xreadgroup(DLQ_GROUP, "dlq-1", {DEAD: ">"})
        assert [id for id, _ in pages[0][1]] == [id for id, _ in letters]
        assert client.xinfo_stream(DEAD)["entries-added"] == 2
