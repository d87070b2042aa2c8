"""The script that sends: each letter at most once, whichever process calls it; nothing after the replay was closed."""

import time
from unittest.mock import AsyncMock

import orjson
import pytest
from redis.exceptions import ResponseError

from holdfast.services.dlq_admin.replays.held import Held
from holdfast.services.dlq_admin.replays.sender import Sender, sendable
from holdfast.services.dlq_admin.replays.surroundings import SurroundingsReader
from holdfast.shared.connections.redis import connect
from holdfast.shared.fleet.roster import Roster
from holdfast.shared.letters.edit.versions import Current
from holdfast.shared.letters.letter import Letter
from holdfast.shared.letters.replays.sending import Chosen
from holdfast.shared.letters.state import State
from holdfast.shared.queue.halts import HaltReport, Halts
from holdfast.shared.queue.names import CLOCK, LEDGER, OPERATION, WRITES
from holdfast.shared.queue.pending import PendingWrites, pending_operation, pending_writes
from holdfast.shared.writes.versions import to_stream_id, wall_clock
from tests.letters import letter
from tests.servers import PATIENT_REDIS, RedisServer
from tests.users import EMAILS, PENDING, user_ref


def chosen(one: Letter, position: int = 0, fields: dict[bytes, bytes] | None = None) -> Chosen:
    """Return the letter as chosen for sending, with other fields if given."""
    sent = one.original if fields is None else fields
    return Chosen(position, Current(one.number, State.REPLAYING, one.entry_id, 0, one.original, sent))


async def test_two_who_send_the_same_send_it_once(clean_redis: RedisServer) -> None:
    """If two senders send the same letters, each is sent once, and the second gets the entries of the first. A closed
    replay sends nothing more, but still reports."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    first, second = Sender(redis), Sender(redis)
    batch = [chosen(letter(n, name=f"N{n}"), n) for n in range(5)]
    sent = await first.send(1, batch[:3], Held())
    again = await second.send(1, batch, Held())
    assert again[:3] == sent
    assert len({one.entry_id for one in again}) == 5
    assert await redis.xlen(WRITES) == 5
    assert await redis.hget(LEDGER, "replayed") == b"5"
    await first.close(1)
    late = [chosen(letter(9, name="Late"), 9)]
    assert [one.entry_id for one in await second.send(1, [*batch, *late], Held())] == [
        *[o.entry_id for o in again],
        None,
    ]
    assert await second.ask(1, [*batch, *late], Held()) == await first.ask(1, [*batch, *late], Held())
    await first.forget(1)
    assert [one.entry_id for one in await second.send(1, batch, Held())] == [None] * 5
    assert await redis.xlen(WRITES) == 5
    await redis.aclose()


async def test_a_closed_partition_keeps_letters_waiting(clean_redis: RedisServer) -> None:
    """A partition that takes no writes, because the number of partitions changes, is as one that is away: no letter
    counts as sent, and the replay does not try again at once."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    await redis.set(CLOCK, f"closed  {wall_clock()}")
    with pytest.raises(ResponseError, match="CLOSED"):
        await Sender(redis).send(1, [chosen(letter(1))], Held())
    assert not await redis.exists(WRITES)
    await redis.aclose()


async def test_what_is_sent_is_as_if_it_had_just_been_accepted(clean_redis: RedisServer) -> None:
    """A letter that is sent is pending and queued with its own version and conditions, its address is claimed, and its
    entry names letter and replay. Its entry id follows all earlier ones, as `accept.lua` gives it."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    conditions = {b"if_match": b"7,9", b"if_none_match": b"*", b"expires_at": b"8"}
    original = {b"notify": b"x", b"replay": b"9", **conditions}
    one = letter(1, name="Ann", user_id="u-1", operation_id="o-1", original=original)
    await redis.hset(OPERATION + "o-1", mapping={"status": "dead_lettered", "letter": "1-1", "reason": "x"})
    newest = wall_clock() + 3_600_000_000
    await redis.set(CLOCK, newest)
    [sent] = await Sender(redis).send(7, [chosen(one)], Held())
    assert sent.entry_id == to_stream_id(newest + 1)
    [(_, fields)] = await redis.xrange(WRITES)
    assert fields == {name: value for name, value in one.original.items() if name != b"notify"} | {
        b"replay": b"7", b"letter": b"1764000000001-0",
    }  # fmt: skip
    found = (await pending_writes(redis, [user_ref("u-1")]))[user_ref("u-1")]
    assert isinstance(found, PendingWrites)
    [write] = found.writes
    assert (write.operation_id, write.version) == ("o-1", one.version)
    assert (write.if_match, write.if_none_match, write.expires_at) == ((7, 9), "*", 8)
    pending = await pending_operation(redis, "o-1")
    assert pending is not None
    assert pending.dead_letter_reason is None
    assert await redis.hgetall(EMAILS) == {b"ann@example.com": b"u-1 o-1"}
    await redis.aclose()


async def test_an_edited_address_is_claimed_instead(clean_redis: RedisServer) -> None:
    """Sending a letter with an edited address claims the new address and releases the old one; a recall undoes both.
    Addresses of other entities stay as they are."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    one = letter(1, user_id="u-1", operation_id="o-1")
    await redis.hset(EMAILS, "ann@example.com", "u-1 o-1")
    await redis.hset(EMAILS, "theirs@example.com", "u-2 o-2")
    moved = dict(one.original) | {b"payload": b'{"name": "Ann", "email": "new@example.com"}'}
    sender = Sender(redis)
    [sent] = await sender.send(1, [chosen(one, 0, moved)], Held())
    theirs = {b"theirs@example.com": b"u-2 o-2"}
    assert await redis.hgetall(EMAILS) == theirs | {b"new@example.com": b"u-1 o-1"}
    back = await sender.recall(1, [chosen(one, 0, moved)], {0: sent.entry_id or ""}, Held())
    assert len(back) == 1
    assert await redis.hgetall(EMAILS) == theirs | {b"ann@example.com": b"u-1 o-1"}
    assert await redis.xlen(WRITES) == 0
    assert not await redis.exists(PENDING + "u-1", OPERATION + "o-1")
    again = await sender.recall(1, [chosen(one, 0, moved)], {0: sent.entry_id or ""}, Held())
    assert len(again) == 1, "reported again"
    assert await sender.forget_lost(1, [chosen(one, 0, moved)], {0: sent.entry_id or ""}) == [], "and not as lost"
    await redis.aclose()


async def test_only_what_no_writer_has_is_taken_back(clean_redis: RedisServer) -> None:
    """A recall takes back only entries that were not delivered; a delivered entry stays, even if it is not settled
    yet."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    await redis.xgroup_create(WRITES, "writers", id="0", mkstream=True)
    sender = Sender(redis)
    batch = [chosen(letter(n, name=f"N{n}"), n) for n in range(6)]
    sent = await sender.send(1, batch, Held())
    await redis.xreadgroup("writers", "w", {WRITES: ">"}, count=2)
    back = await sender.recall(1, batch, {one.position: one.entry_id or "" for one in sent}, Held())
    assert [one.position for one in back] == [2, 3, 4, 5]
    assert [id.decode() for id, _ in await redis.xrange(WRITES)] == [one.entry_id for one in sent[:2]]
    await redis.aclose()


@pytest.mark.parametrize(("count", "fits"), [(10, True), (3000, True), (5000, False)])
def test_what_lua_cannot_pass_on_is_not_sent(count: int, fits: bool) -> None:
    """An entry with more fields than Lua can pass on is not sent, and stays a dead letter until an edit removes
    fields."""
    one = letter(1, original={b"f%d" % n: b"" for n in range(count)})
    assert sendable(chosen(one).letter) is fits


async def test_an_open_breaker_of_a_writer_is_seen_on_the_board(clean_redis: RedisServer) -> None:
    """The surroundings of a replay show the open database breakers and the halts that writers report, and the backlog
    without the replay's own entries."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    for _ in range(7):
        await redis.xadd(WRITES, {"a": "b"})
    roll = Roster("dlq_admin/here")
    reports = {
        b"writer/one": orjson.dumps([{"name": "database", "state": "open"}]),
        b"writer/two": orjson.dumps([{"name": "database", "state": "closed"}, {"name": "cache", "state": "open"}]),
        b"api/three": orjson.dumps([{"name": "database", "state": "open"}]),
    }
    roll.read({name: b"5000000 " + report for name, report in reports.items()}, 5.0, time.monotonic())
    around = await SurroundingsReader(redis, roll)(4, time.monotonic() - 9)
    assert (around.depth, around.open_breakers, around.halted, around.writers) == (3, ("one",), {}, 0)
    halt = HaltReport(id="h", why="invalid_data", would_be_dead=9, for_s=1, tries=0, next_try_in_s=1)
    await Halts(redis).report("two", halt)
    around = await SurroundingsReader(redis, roll)(4, time.monotonic())
    assert (around.open_breakers, around.holding, around.halted) == ((), ("one",), {"two": "invalid_data"})
    await redis.aclose()


async def test_a_replay_needs_no_reports(clean_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the partition that holds the writers' reports is down, replays go on in the others, and their backlog still
    counts."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    await redis.xadd(WRITES, {"a": "b"})
    look = SurroundingsReader(redis, Roster("dlq_admin/here"))
    monkeypatch.setattr(redis, "hgetall", AsyncMock(side_effect=ConnectionError("connection refused")))
    around = await look(0, time.monotonic())
    assert (around.depth, around.writers, around.halted) == (1, None, {})
    await redis.aclose()


async def test_a_report_from_before_the_replay_says_nothing_of_it(clean_redis: RedisServer) -> None:
    """A report from before the replay is ignored, because its breaker may have closed since, and a replay that stops
    stays stopped until it is resumed. The next report counts."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    roll = Roster("dlq_admin/here")
    report = orjson.dumps([{"name": "database", "state": "open"}])
    look = SurroundingsReader(redis, roll)
    roll.read({b"writer/one": b"5000000 " + report}, 7.0, time.monotonic())  # two seconds old
    assert (await look(0, time.monotonic() - 1)).open_breakers == ()
    roll.read({b"writer/one": b"7000000 " + report}, 7.0, time.monotonic())
    assert (await look(0, time.monotonic() - 1)).open_breakers == ("one",)
    await redis.aclose()
