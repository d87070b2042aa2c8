"""Reads that are requested together share a call, also while an operator holds the breaker closed."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from holdfast.services.api.database import Database
from holdfast.services.api.hedge import Hedge
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.store import reads
from tests.users import USERS

_IDS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(20)]
_ANN = {"actor": "ann", "reason": "a test"}


class Nothing:
    """An engine that connects to nothing."""

    def dispose(self) -> None:
        """Close no connection."""


async def _no_copy() -> None:
    return None


@pytest.mark.parametrize("override", [None, Breaker.force_closed, Breaker.observe_only])
async def test_reads_share_a_call_whoever_holds_the_breaker_closed(
    override: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty reads that arrive together are one call. An override that lets every call pass changes nothing about that:
    a database in trouble would get twenty calls instead, and each would take a thread."""
    calls = []

    def entities(_engine: object, _resource: object, ids: Sequence[str]) -> dict[str, None]:
        calls.append(len(ids))
        return dict.fromkeys(ids)

    monkeypatch.setattr(reads, "entities", entities)
    engine: Any = Nothing()
    breaker = Breaker("database")
    if override is not None:
        override(breaker, **_ANN)
    database = Database(engine, engine, 2, breaker, breaker, 60)
    rows = await asyncio.gather(*(database.row(USERS, id, Hedge(60, _no_copy)) for id in _IDS))
    database.close()
    assert [row.entity for row in rows] == [None] * len(_IDS)
    assert calls == [len(_IDS)]
