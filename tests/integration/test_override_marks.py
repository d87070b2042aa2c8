"""Overrides on Grafana's dashboards: one region each, which any replica can end. A Grafana that hangs or is away delays
no request. The board is real; Grafana is a fake."""

import asyncio
import contextlib
import importlib.util
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from holdfast.services.api.override_marks import OverrideMarks
from holdfast.services.api.overrides import add_routes
from holdfast.shared.connections.redis import connect
from holdfast.shared.fleet.board import Board
from holdfast.shared.fleet.member import Member
from holdfast.shared.http.app import service_app
from holdfast.shared.http.health import Health
from holdfast.shared.http.keys import Keys
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.telemetry.grafana.annotations import Annotations
from tests import keys, processes
from tests.servers import PATIENT_REDIS, Database, RedisServer, free_port, wait_until

_PATH = "/circuit-breaker/api/database/override"


class _PlayedGrafana:
    """A fake Grafana that keeps the regions that are added to it. With `hangs` set it never answers."""

    def __init__(self) -> None:
        self.regions: list[dict[str, Any]] = []
        self.hangs = False
        self.asked = 0

    async def find(self, tag: str) -> int | None:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        return next((at for at, one in enumerate(self.regions) if tag in one["tags"]), None)

    async def add(self, began_ms: int, ended_ms: int, tags: list[str], text: str) -> None:
        self.regions.append({"began": began_ms, "ended": ended_ms, "tags": tags, "text": text})

    async def amend(self, id: int, began_ms: int, ended_ms: int, tags: list[str], text: str) -> None:
        self.regions[id] = {"began": began_ms, "ended": ended_ms, "tags": tags, "text": text}

    async def version(self) -> str:
        return "0"

    async def data_source(self, uid: str) -> str:
        return uid

    async def dashboard(self, uid: str) -> str:
        return uid

    async def close(self) -> None:
        pass


class Replica:
    """The part of an api that accepts overrides."""

    def __init__(self, name: str, redis: RedisServer, folder: Path, grafana: _PlayedGrafana) -> None:
        self.redis = connect(redis.address, PATIENT_REDIS)
        self.annotations = Annotations(lambda: grafana, timeout_s=30, pause_s=0)
        marks = OverrideMarks(self.annotations)
        breaker = Breaker("database")
        self.board = Board(self.redis, Member("api", name, lambda: [breaker]), watching=True, on_order=marks.received)
        self.telling = asyncio.create_task(self.annotations.run())
        app = service_app(
            Health("api"), title="t", description="d", version="0", timeout_s=60,
            add_routes=lambda app: add_routes(app, self.board, self.redis, marks),
            keys=Keys(keys.written_to(folder), open_to_all=False), needs=lambda method, path: "operate",
        )  # fmt: skip
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://replica")

    async def order(self, action: str, **more: Any) -> None:
        """Order an override as an operator."""
        wish = {"action": action, "reason": "a test"} | more
        answer = await self.http.post(_PATH, json=wish, headers=keys.bearer(keys.OPERATOR))
        assert answer.status_code == 200, answer.text


@contextlib.asynccontextmanager
async def _replicas(redis: RedisServer, folder: Path, grafana: _PlayedGrafana) -> AsyncIterator[list[Replica]]:
    both = [Replica(f"api-{number}", redis, folder, grafana) for number in (1, 2)]
    try:
        yield both
    finally:
        for one in both:
            one.telling.cancel()
            await one.http.aclose()
            await one.redis.aclose()


async def _until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_an_override_is_a_region_until_it_runs_out_or_another_replica_ends_it(
    clean_redis: RedisServer, tmp_path: Path
) -> None:
    """An override is drawn at once up to its planned end. A lift on another replica shortens the region, and a replaced
    override ends where the next one begins."""
    grafana = _PlayedGrafana()
    async with _replicas(clean_redis, tmp_path, grafana) as (one, other):
        before_ms = time.time() * 1000
        await one.order("force_open", for_s=600)
        await _until(lambda: len(grafana.regions) == 1)
        [region] = grafana.regions
        assert region["ended"] - region["began"] == pytest.approx(600_000, abs=2)
        assert region["began"] >= int(before_ms)
        assert {"holdfast", "breaker_override", "api"} < set(region["tags"])
        assert region["text"] == f"api database: force_open by {keys.OPERATOR}: a test"

        await other.board.beat()
        await other.order("force_closed", for_s=300, reason="the other way")
        await _until(lambda: len(grafana.regions) == 2 and grafana.regions[0]["ended"] <= time.time() * 1000)
        assert grafana.regions[0]["text"].endswith("ended by key-operator: the other way")
        assert grafana.regions[1]["ended"] > time.time() * 1000

        await one.board.beat()
        await one.order("lift")
        await _until(lambda: grafana.regions[1]["ended"] <= time.time() * 1000)
        assert len(grafana.regions) == 2
        await one.order("reset")
        assert one.annotations._waiting.empty()


async def test_one_replica_s_override_leaves_everybody_s(clean_redis: RedisServer, tmp_path: Path) -> None:
    """An override of one instance and an override of all instances are two regions, and a lift for all ends both."""
    grafana = _PlayedGrafana()
    async with _replicas(clean_redis, tmp_path, grafana) as (one, _):
        await one.order("force_open", for_s=600)
        await one.order("force_closed", for_s=600, instance="api-1")
        await _until(lambda: len(grafana.regions) == 2)
        assert all(region["ended"] > time.time() * 1000 for region in grafana.regions)
        await one.order("lift")
        await _until(lambda: all(region["ended"] <= time.time() * 1000 for region in grafana.regions))


async def test_a_grafana_that_hangs_delays_nobody(clean_redis: RedisServer, tmp_path: Path) -> None:
    """Further overrides are answered while the first one is still being sent to a Grafana that hangs."""
    grafana = _PlayedGrafana()
    grafana.hangs = True
    async with _replicas(clean_redis, tmp_path, grafana) as (one, _), asyncio.timeout(60):
        await one.order("force_open", for_s=600)
        await _until(lambda: grafana.asked == 1)
        for _ in range(20):
            await one.order("force_open", for_s=600)
        assert (grafana.asked, one.telling.done()) == (1, False)


@pytest.mark.skipif(importlib.util.find_spec("grafana_client") is not None, reason="here it is installed")
def test_an_api_without_the_extra_or_without_a_grafana_works(
    clean_redis: RedisServer, database: Database, tmp_path: Path
) -> None:
    """With Grafana configured but absent and its client not installed, an override is in force, and the missing region
    is counted as failed."""
    url = f"http://127.0.0.1:{free_port()}"
    api = processes.api(tmp_path, clean_redis.address, database.dsn, HOLDFAST_GRAFANA_URL=url).start()
    try:
        with api.client() as client:
            answer = client.post(
                _PATH, content=json.dumps({"action": "force_open", "reason": "a test", "for_s": 60}),
                headers={"Content-Type": "application/json"} | keys.bearer(keys.OPERATOR),
            )  # fmt: skip
            assert (answer.status_code, answer.json()["data"]["imposed_on"]) == (200, ["api-test"])
            failed = 'holdfast_annotations_total{result="failed"} 1.0'
            wait_until(lambda: failed in client.get("/metrics").text, what="given up on")
    finally:
        api.kill()
