"""Writes share round trips: those that arrive together, and those that arrive while two round trips are under way."""

import asyncio
from typing import Any

import pytest

from holdfast.services.api.accept import Answer
from holdfast.shared.connections.redis import RedisTimeouts, connect
from tests.accepting import acceptor
from tests.stream import new_user

_ANSWER = Answer("accepted", "o", "e", 1)


async def _turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_asks_a_turn_later_comes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round trip waits for one more turn of the loop, because a busy loop does not deliver all requests that have
    arrived in one turn."""
    redis = connect("localhost:1", RedisTimeouts(1, 1))
    taking = acceptor(redis)
    sizes: list[int] = []

    async def round_trip(batch: Any) -> None:
        sizes.append(len(batch))
        for _, waiting in batch:
            waiting.set_result(_ANSWER)

    monkeypatch.setattr(taking, "_round_trip", round_trip)
    first = asyncio.create_task(taking.accept(new_user()))
    await asyncio.sleep(0)
    second = asyncio.create_task(taking.accept(new_user()))
    assert await asyncio.gather(first, second) == [_ANSWER] * 2
    assert sizes == [2]
    await redis.aclose()


async def test_one_is_prepared_while_another_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three concurrent writes share one round trip and two more a second one; later writes wait until one of the two is
    back, and then share the next."""
    redis = connect("localhost:1", RedisTimeouts(1, 1))
    taking = acceptor(redis)
    sizes: list[int] = []
    gates = [asyncio.Event() for _ in range(3)]

    async def round_trip(batch: Any) -> None:
        gate = gates[len(sizes)]
        sizes.append(len(batch))
        await gate.wait()
        for _, waiting in batch:
            waiting.set_result(_ANSWER)

    monkeypatch.setattr(taking, "_round_trip", round_trip)
    asked: list[asyncio.Task[Answer]] = []
    for count in (3, 2, 1, 1):
        asked += [asyncio.create_task(taking.accept(new_user())) for _ in range(count)]
        await _turn()
    assert sizes == [3, 2]
    gates[1].set()
    await _turn()
    assert sizes == [3, 2, 2]
    for gate in gates:
        gate.set()
    assert await asyncio.gather(*asked) == [_ANSWER] * 7
    await redis.aclose()
