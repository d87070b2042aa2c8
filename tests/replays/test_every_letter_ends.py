"""Whatever is on the write stream and is dead-lettered, and whatever operators decide at whatever moment: every letter
and every replay comes to rest, and the ledger balances."""

import random
import uuid
from typing import Any

import orjson
import pytest

from holdfast.shared.queue.names import OPERATION, REPLAY, WRITES
from tests import keys, processes
from tests.replays.conftest import OVER, Desk
from tests.servers import wait_until
from tests.stream import new_user
from tests.users import EMAILS, PENDING

Entry = dict[str | bytes, str | bytes]

_REST = {"dead", "discarded", "applied", "duplicate", "superseded", "rejected", "expired", "dead_again"}
_BAD_PAYLOADS = (b'{"name": "\xff"}', b"[" * 2000, b"", b'{"full_name": "Ann"}', b"null", b"1e999")
#: Each of these changes makes a valid write unreadable; a bad `notify` does so only until a replay leaves it out.
_SPOILT: list[Entry] = [
    *[{"operation_id": each} for each in (b"\xff\xfe", b"", b"x" * 300)],
    *[{"version": each} for each in ("0", "-1", "9" * 16, "9" * 400, "later")],
    *[{"payload": each} for each in _BAD_PAYLOADS],
    *[{"command": "Nothing", "user_id": each} for each in (b"\xff", b"last", b"")],
    {"schema": b"\xff"}, {"notify": b"\xff"}, {"notify": b"\xff"},
    {"if_match": "soon", "letter": "1-1", "replay": "7", "original_packed": b"\x91\xa1"},
]  # fmt: skip


def _write(draw: random.Random, operation: str) -> Entry:
    """Return the entry of a valid create, as an api would have added it."""
    user = str(uuid.uuid4())
    payload = orjson.dumps({"name": "Ann", "email": f"{user}@example.com"})
    return {"schema": "1", "command": "CreateUser", "operation_id": operation, "user_id": user,
            "version": str(1_764_000_000_000_000 + draw.randrange(10**9)), "payload": payload}  # fmt: skip


def _spoiled(draw: random.Random, foreign: str) -> Entry:
    """Return an entry that no writer can read, for one of several reasons. `foreign`: an operation that has ended."""
    kind = draw.randrange(8)
    if kind == 0:
        return {"schema": "9", **{f"field {each}": "x" for each in range(3600)}}  # too many fields for a replay to send
    if kind == 1:
        return {bytes([draw.randrange(256) for _ in range(8)]): bytes(range(256)), b"": b""}
    entry = _write(draw, str(uuid.uuid4())) | draw.choice(_SPOILT)
    if kind == 2:
        del entry["operation_id"]
    if kind == 3:
        entry |= {"operation_id": foreign, "payload": draw.choice(_BAD_PAYLOADS)}
    if kind == 4:
        entry |= {f"more {each}": "x" for each in range(2100)}  # packed
    return entry


def _decide(desk: Desk, draw: random.Random) -> None:
    """Send some requests that an operator might send now; refused requests are welcome too."""
    letters = desk.data("GET", "/dlq/letters", params={"limit": 500})
    running = [each for each in desk.data("GET", "/dlq/replays") if each["state"] not in OVER]
    chosen = [each["id"] for each in letters if each["state"] == "dead" and draw.random() < 0.6]
    gone = [each["id"] for each in letters if each["state"] == "discarded" and draw.random() < 0.6]
    reason = {"reason": "the drill"}
    for replay in running:
        word = draw.choice(("pause", "resume", "cancel", "recall", "resume", "resume"))
        desk.ask("POST", f"/dlq/replays/{replay['id']}/{word}", json=reason)
    for what, ids in (("replays", chosen), ("discards", chosen), ("restores", gone)):
        if ids and draw.random() < (0.8 if what == "replays" else 0.3):
            wish: dict[str, Any] = {"selection": {"ids": ids[:40]}, "expected_count": len(ids[:40])} | reason
            if what == "replays":
                wish |= {"canary": draw.choice(([], [1, 2])), "stop": {"failing_share": 1},
                         "rate_per_s": draw.choice((20, 500))}  # fmt: skip
            desk.ask("POST", f"/dlq/{what}", json=wish)


def _rest(desk: Desk) -> None:
    """Resume and approve replays until none is under way, and check that every letter is at rest and the ledger
    balances."""

    def over() -> bool:
        running = [each for each in desk.data("GET", "/dlq/replays") if each["state"] not in OVER]
        for each in running:
            word = {"paused": "resume", "stopped": "resume", "awaiting_approval": "approve"}.get(each["state"])
            if word:
                desk.ask("POST", f"/dlq/replays/{each['id']}/{word}", keys.ADMIN, json={"reason": "the drill"})
        return not running

    wait_until(over, what="no replay is under way")
    desk.indexed()
    letters = desk.data("GET", "/dlq/letters", params={"limit": 500})
    assert {each["state"] for each in letters} <= _REST
    wait_until(desk.balanced, what="the ledger balances")


@pytest.mark.parametrize("seed", range(2))
def test_it_comes_to_rest(desk: Desk, writer: processes.Service, seed: int) -> None:
    """Every letter and every replay comes to rest, for entries without an operation id, with a foreign one or a
    repeated one, and for oversized, packed and binary entries."""
    draw = random.Random(seed)
    ended = new_user()
    desk.stream.accept([ended])
    twice = _write(draw, str(uuid.uuid4())) | {"payload": b"{}"}
    desk.stream.add_raw(twice, twice, *[_spoiled(draw, ended.operation_id) for _ in range(24)])
    wait_until(lambda: desk.stream.backlog() == 0, what="dead")
    desk.indexed()
    for _ in range(6):
        _decide(desk, draw)
    _rest(desk)
    with desk.redis_server.client() as client:
        assert [*client.scan_iter(f"{PENDING}*"), *client.scan_iter(f"{OPERATION}*")] == []


def test_what_makes_it_unreadable_is_not_sent_again(desk: Desk, writer: processes.Service) -> None:
    """A letter that is unreadable only because of a field that a replay leaves out is applied by a replay, and what-if
    predicts this."""
    entry = _write(random.Random(1), str(uuid.uuid4())) | {"notify": b"\xff"}
    desk.stream.add_raw(entry)
    wait_until(lambda: desk.stream.backlog() == 0, what="dead")
    desk.indexed()
    [letter] = desk.data("GET", "/dlq/letters")
    selection = {"ids": [letter["id"]]}
    assert desk.data("POST", "/dlq/what-if", json={"selection": selection})["verdicts"] == {"would_apply": 1}
    replay = desk.over(desk.replay(selection, 1))
    assert desk.outcomes(replay) == {letter["id"]: "applied"}
    wait_until(desk.balanced, what="the ledger balances")


@pytest.mark.parametrize(("whole", "word"), [(False, None), (True, "cancel"), (False, "recall")])
def test_an_entry_that_vanishes(desk: Desk, writer: processes.Service, *, whole: bool, word: str | None) -> None:
    """If the entry of a replayed letter was deleted, alone or with all of the queue's keys, the item is lost. The
    letter is dead as before, its address is claimed again, and a new replay applies it."""
    good = new_user("much too long")
    ids = desk.bury([good])
    assert writer.stop() == 0  # so that no writer takes the entry before it is deleted
    try:
        desk.stream.add_raw({"schema": "9"})
        replay = desk.replay({"ids": ids}, 1, canary=[])
        wait_until(lambda: desk.one(replay)["in_flight"] == 1, what="sent")
        with desk.redis_server.client() as client:
            reserved = client.hgetall(EMAILS)
            if whole:
                client.delete(WRITES, EMAILS, f"{REPLAY}{replay['id']}", *client.keys(f"{PENDING}*"))
            else:
                [*_, (entry, _)] = client.xrange(WRITES)
                client.xdel(WRITES, entry)
            if word:
                desk.say(replay, word)
            else:
                wait_until(lambda: desk.one(replay)["counts"]["lost"] == 1, what="lost")
                done = desk.over(replay)
                assert done["state"] == "done"
            desk.over(replay)
            assert desk.outcomes(replay) == {ids[0]: "lost"}
            wait_until(lambda: client.hgetall(EMAILS) == reserved, what="claimed again")
            assert [*client.scan_iter(f"{PENDING}*"), *client.scan_iter(f"{OPERATION}*")] == []
    finally:
        writer.start()
    assert desk.states(*ids) == ["dead"]
    again = desk.over(desk.replay({"ids": ids}, 1, canary=[]))
    assert desk.outcomes(again) == {ids[0]: "applied"}
    desk.indexed()
    if not whole:
        wait_until(desk.balanced, what="the ledger balances")
