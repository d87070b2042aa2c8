"""The overview queries its parts concurrently: one that hangs costs its own time limit, not the sum of all."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from holdfast.services.dlq_admin import overview
from holdfast.services.dlq_admin.letters import on_stream
from holdfast.services.dlq_admin.overview import Overview
from holdfast.shared.queue.backlog import StreamBacklog
from holdfast.shared.queue.partitions import ONE


async def test_no_part_waits_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """No part of the overview waits for another: each part answers only when all of them have been asked."""
    asked = asyncio.Barrier(4)

    async def letters(*_: Any) -> dict[str, int]:
        await asked.wait()
        return {"dead": 0, "dying_groups": 0}

    async def trends(*_: Any) -> dict[str, None]:
        return {"": None}

    async def backlog(*_: Any) -> tuple[StreamBacklog, dict[int, Exception]]:
        await asked.wait()
        return StreamBacklog(3, 0.5, 0, 0.0, 0, 0), {}

    async def waiting(*_: Any) -> int:
        await asked.wait()
        return 7

    async def writers() -> list[Any]:
        await asked.wait()
        return []

    monkeypatch.setattr(overview, "trends", trends)
    monkeypatch.setattr(overview, "backlog_of_those_that_answer", backlog)
    monkeypatch.setattr(on_stream, "length", waiting)
    of: Any = SimpleNamespace(read=letters, all=writers, report=dict, holding="", breaker=SimpleNamespace(refusal=None))
    breakers: Any = SimpleNamespace(all=list)
    async with asyncio.timeout(10):
        seen = await Overview(of, of, of, of, of, breakers, lambda: None, lambda: "why", ONE).look()
    assert (seen.letters, seen.waiting, seen.writers) == ({"dead": 0, "dying_groups": 0}, 7, [])
    assert (seen.ledger, seen.ledger_unread) == (None, "why")
    assert seen.backlog is not None
    assert seen.backlog.depth == 3
