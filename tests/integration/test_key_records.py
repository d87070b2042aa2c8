"""Idempotency-Keys in the queue: a record stays until soon after the operation is over, and a trace of the key's use
stays for the key's lifetime, so that the database is asked only about keys that were used before."""

import math
import random
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis as Server
from redis.asyncio import Redis

from holdfast.services.api.candidate import Candidate
from holdfast.services.writer.pipeline import Handled
from holdfast.shared.connections.redis import entries
from holdfast.shared.queue.codec import decode
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import CLOCK, KEY, KEYS_SINCE, KEYS_USED, PREFIX, WRITERS_GROUP, WRITES
from holdfast.shared.writes import keyed
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Applied, Dead, Duplicate, Failure, Outcome, Reason, Rejected
from tests.contracts.redis_wire import modelled
from tests.integration.test_settled_in_one_step import settler
from tests.models.redis_server import RedisModel
from tests.servers import PASSWORD, RedisServer
from tests.stream import ACCEPT_SCRIPT, new_user

_LIFETIME_S, _RECORD_S = 86_400, 300
_DEAD = Dead(Reason.INVALID_DATA, Failure("BadData", "BAD_DATA", "refused"))


def _with_key(key_hash: str = "") -> Candidate:
    key_hash = key_hash or secrets.token_hex(32)
    return replace(
        new_user(),
        operation_id=keyed.operation_id(key_hash, secrets.token_hex(8)),
        key_hash=key_hash,
        body_hash="b" * 64,
    )


def _accept(candidates: Sequence[Candidate]) -> list[str]:
    values = [value for candidate in candidates for value in candidate.arguments()]
    about = (PREFIX, 0, 1, _LIFETIME_S, 100)
    return ["EVAL", ACCEPT_SCRIPT, "2", WRITES, CLOCK, *(_text(value) for value in (*about, *values))]


def _text(value: str | bytes | int) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize(
    ("outcome", "ttl_s"),
    [
        (Applied(1), _RECORD_S),
        (Rejected("EMAIL_TAKEN", {}), _RECORD_S),
        (Duplicate(redelivered=False, first=Applied(1)), _RECORD_S),
        (_DEAD, _LIFETIME_S),
    ],
)
async def test_a_record_stays_until_soon_after_the_end(clean_redis: RedisServer, outcome: Outcome, ttl_s: int) -> None:
    """A key's record lasts for the key's lifetime while its operation is in flight or may be replayed, since only the
    queue knows what the key was used for; after any other end it lasts for 300 s."""
    candidate = _with_key()
    async with Redis(port=clean_redis.port) as redis:
        await redis.execute_command(*_accept([candidate]))  # type: ignore[no-untyped-call]
        record = KEY + candidate.key_hash
        assert _LIFETIME_S - 60 < await redis.ttl(record) <= _LIFETIME_S
        await redis.xgroup_create(WRITES, WRITERS_GROUP, id="0")
        given: Any = await redis.xreadgroup(WRITERS_GROUP, "me", {WRITES: ">"})
        [(entry_id, fields)] = entries(given[0][1])
        entry = Entry(entry_id, fields)
        await settler(redis)([Handled(entry, Delivery(decode(fields, entry.id), entry.id), outcome)])
        assert await redis.xlen(WRITES) == 0
        assert ttl_s - 60 < await redis.ttl(record) <= ttl_s


def test_a_used_key_is_never_taken_for_a_new_one() -> None:
    """Within its lifetime a used key is always marked as unsure, at any time and whatever other keys are used. A new
    key, or one whose lifetime is over, is seldom marked."""
    chance = random.Random(7)
    now = [1_700_000_000.0]
    model = RedisModel(lambda: now[0])
    modelled(model, ["SET", KEYS_SINCE, "0"])
    used: dict[str, float] = {}
    doubts = {True: [0, 0], False: [0, 0]}
    for _ in range(600):
        now[0] += chance.expovariate(1 / 400) if chance.random() < 0.9 else -30  # a clock that is set back
        key = chance.choice([*used, ""]) if chance.random() < 0.5 else ""
        candidate = _with_key(key)
        answers = modelled(model, _accept([candidate]))
        more = answers[0]
        assert more[0] == b"accepted"
        young = now[0] - used.get(candidate.key_hash, -math.inf) < _LIFETIME_S
        doubts[young][0] += 1
        doubts[young][1] += b"unsure" in more
        used.setdefault(candidate.key_hash, now[0])
        if not young:
            used[candidate.key_hash] = now[0]
        modelled(model, ["DEL", KEY + candidate.key_hash])
    assert doubts[True][0] == doubts[True][1] > 50
    assert 50 < doubts[False][0] > 4 * doubts[False][1]


def test_what_is_left_of_keys_has_a_limit(clean_redis: RedisServer) -> None:
    """The traces of keys take at most 4096 bitmaps of less than 8500 bytes each, however many keys there are."""
    with clean_redis.client() as redis:
        for _ in range(8):
            redis.execute_command(*_accept([_with_key() for _ in range(500)]))  # type: ignore[no-untyped-call]
        traces = [redis.memory_usage(name) or 0 for name in redis.scan_iter(f"{KEYS_USED}*", count=10_000)]
    assert 1000 < len(traces) <= 4096
    assert max(traces) < 8500


def test_without_the_right_to_leave_traces_a_key_is_in_doubt(clean_redis: RedisServer) -> None:
    """On a server with the users of the previous build, which may not set traces, a write is accepted and marked as
    unsure, so the database is asked."""
    with clean_redis.client() as redis:
        redis.set(KEYS_SINCE, 0)
        redis.execute_command("ACL", "SETUSER", "earlier", "on", f">{PASSWORD}", "~*", "+@all", "-bitfield")  # type: ignore[no-untyped-call]
    try:
        with Server(port=clean_redis.port, username="earlier", password=PASSWORD, socket_timeout=60) as redis:
            [answer] = redis.execute_command(*_accept([_with_key()]))  # type: ignore[no-untyped-call]
    finally:
        with clean_redis.client() as redis:
            redis.acl_deluser("earlier")
    assert (answer[0], answer[-1]) == (b"accepted", b"unsure")
