"""A slot that moves between servers of a cluster: what clients of each server see, before, meanwhile and afterwards."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.crc import key_slot

from tests.contracts import cluster_subjects
from tests.contracts.cluster_subjects import KEY, OF_TARGET, Line, Subject

_SLOT = key_slot(KEY.encode())
_A, _B, _NEW, _STREAM, _ELSEWHERE = KEY, "{t}:b", "{t}:new", "{t}:s", "{u}:a"
_TRY_AGAIN = "TRYAGAIN Multiple keys request during rehashing of slot"
_CROSSED = "CROSSSLOT Keys in request don't hash to the same slot"
_TO_SOURCE, _TO_TARGET, _ASK = f"MOVED {_SLOT} source", f"MOVED {_SLOT} target", f"ASK {_SLOT} target"
_BOTH = "return redis.call('GET', KEYS[1])"


@pytest.fixture(params=["model", "real"])
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    """An empty cluster under contract."""
    model = request.param == "model"
    async with cluster_subjects.model() if model else cluster_subjects.real(tmp_path) as made:
        yield made


async def _all(line: Line, *steps: tuple[str, Any]) -> None:
    for words, expected in steps:
        assert await line.send(*words.split(" ")) == expected, words


async def _owner(line: Line) -> int:
    """Return the port of the slot's owner, as this server knows it."""
    [port] = [at[1] for first, last, at, *_ in await line.send("CLUSTER", "SLOTS") if first <= _SLOT <= last]
    return int(port)


async def test_a_slot_moves(cluster: Subject) -> None:
    """While a slot moves, a command runs where all of its keys are; any other server refuses it before any effect."""
    source, target, other = cluster.source, cluster.target, cluster.other
    await _all(source, (f"SET {_A} 1 PX 600000", b"OK"), (f"SET {_B} 2", b"OK"), (f"MGET {_A} {_ELSEWHERE}", _CROSSED))
    await _all(target, (f"GET {_A}", _TO_SOURCE))
    await _all(other, (f"GET {_A}", _TO_SOURCE))
    before = await _owner(other)

    cluster.begin_move()
    await _all(
        source, (f"GET {_A}", b"1"), (f"MGET {_A} {_B}", [b"1", b"2"]), (f"GET {_NEW}", _ASK), (f"SET {_NEW} 3", _ASK),
        (f"MGET {_A} {_NEW}", _TRY_AGAIN), (f"MGET {_NEW} {_NEW}x", _ASK),
    )  # fmt: skip
    assert await source.send("EVAL", _BOTH, "2", _A, _NEW) == _TRY_AGAIN
    assert await source.send("EVAL", _BOTH, "2", _A, _B) == b"1"
    await _all(
        target, (f"GET {_A}", _TO_SOURCE), ("ASKING", b"OK"), (f"SET {_NEW} 3", b"OK"), (f"GET {_NEW}", _TO_SOURCE),
        ("ASKING", b"OK"), (f"MGET {_A} {_NEW}", _TRY_AGAIN), ("ASKING", b"OK"), (f"GET {_NEW}", b"3"),
    )  # fmt: skip

    cluster.move(_A)
    await _all(source, (f"GET {_A}", _ASK), (f"MGET {_A} {_B}", _TRY_AGAIN), (f"MGET {_A} {_NEW}", _ASK))
    await _all(target, ("ASKING", b"OK"), (f"MGET {_A} {_NEW}", [b"1", b"3"]), (f"GET {_A}", _TO_SOURCE))

    cluster.end_move()
    await _all(source, (f"GET {_B}", _TO_TARGET), (f"MGET {_A} {_B}", _TO_TARGET))
    await _all(other, (f"GET {_B}", _TO_TARGET))
    await _all(target, (f"MGET {_A} {_B} {_NEW}", [b"1", b"2", b"3"]))
    assert 0 < await target.send("PTTL", _A) <= 600_000
    assert before not in [await _owner(line) for line in (source, target, other)]


async def test_transactions(cluster: Subject) -> None:
    """A transaction is refused with its first refused command, or as a whole if its keys have moved since."""
    source = cluster.source
    await _all(source, (f"SET {_A} 1", b"OK"), (f"SET {_B} 2", b"OK"))
    cluster.begin_move()
    aborted = "EXECABORT Transaction discarded because of previous errors."
    await _all(source, ("MULTI", b"OK"), (f"GET {_A}", b"QUEUED"), (f"GET {_NEW}", _ASK), ("EXEC", aborted))
    await _all(source, ("MULTI", b"OK"), (f"GET {_A}", b"QUEUED"), (f"GET {_B}", b"QUEUED"))
    cluster.move(_A)
    await _all(source, ("EXEC", _TRY_AGAIN), (f"GET {_B}", b"2"))


async def test_a_stream_moves(cluster: Subject) -> None:
    """A stream moves with its group, its pending entries and its counters; a client that waits for its entries gets an
    error."""
    source, target = cluster.source, cluster.target
    await _all(
        source, (f"XADD {_STREAM} 5-1 a 1", b"5-1"), (f"XADD {_STREAM} 5-2 a 2", b"5-2"), (f"XDEL {_STREAM} 5-1", 1),
        (f"XGROUP CREATE {_STREAM} g 0", b"OK"),
    )  # fmt: skip
    reading = ("XREADGROUP", "GROUP", "g", "me", "BLOCK", "60000", "STREAMS", _STREAM, ">")
    assert await source.send(*reading) == [[_STREAM.encode(), [[b"5-2", [b"a", b"2"]]]]]
    before = await source.send("XINFO", "STREAM", _STREAM)
    waiting = asyncio.create_task(source.send(*reading))
    await asyncio.sleep(0)
    cluster.begin_move()
    while not waiting.done():
        cluster.move(_STREAM)
        await asyncio.wait([waiting], timeout=0.05)
    assert str(await waiting).split()[0] in ("UNBLOCKED", "NOGROUP", "MOVED", "ASK", "-UNBLOCKED")
    cluster.end_move()
    about = await target.send("XINFO", "STREAM", _STREAM)
    names = (b"length", b"last-generated-id", b"entries-added", b"groups")
    assert [about[about.index(name) + 1] for name in names] == [before[before.index(name) + 1] for name in names]
    pending = await target.send("XPENDING", _STREAM, "g", "-", "+", "9")
    assert [(entry, who) for entry, who, *_ in pending] == [(b"5-2", b"me")]


async def test_a_slot_moves_back(cluster: Subject) -> None:
    """A slot can move back while a server does not know of its first move; outdated knowledge does not undo the
    second."""
    source, target, other = cluster.source, cluster.target, cluster.other
    await _all(source, (f"SET {_A} 1", b"OK"))
    await _all(target, (f"SET {OF_TARGET} 2", b"OK"))
    cluster.begin_move()
    cluster.end_move()
    await _all(other, (f"GET {_A}", _TO_TARGET))
    cluster.go_back()
    await _all(source, (f"GET {_A}", b"1"))
    await _all(target, (f"GET {_A}", _TO_SOURCE))
    await _all(other, (f"GET {_A}", _TO_SOURCE), (f"GET {OF_TARGET}", b"2"))


async def test_messages_go_to_all_servers(cluster: Subject) -> None:
    """A message that is published at one server reaches the subscribers of every server."""
    source, target = cluster.source, cluster.target
    assert await source.send("SUBSCRIBE", "news") == [b"subscribe", b"news", 1]
    assert await target.send("PUBLISH", "news", "one") == 0
    assert await source.receive() == [b"message", b"news", b"one"]
