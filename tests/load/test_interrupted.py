"""A run that is interrupted writes its report, and the report says so."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from deploy.client.connections import Connections
from deploy.client.generator import Generator, Run
from deploy.client.plan import Plan, parse
from deploy.client.requests import Requests
from deploy.load import report, steady
from deploy.load.interrupts import reported
from tests.load.tiny import OK, serving


def test_the_report_of_a_run_that_was_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a run early, its report is written with the phase's end, and its verdict is unknown."""
    run = asyncio.run(_interrupted())
    assert run.interrupted
    monkeypatch.setattr(report, "LOCAL", tmp_path)
    assert steady.conclude(run, [], "Load test") == 2
    (found,) = tmp_path.glob("load/*/summary.json")
    numbers = json.loads(found.read_text())
    assert "it was interrupted" in numbers["reasons"]
    assert numbers["all"]["requests"] >= 10
    assert numbers["phases"]["before"]["end_s"] > 0


async def _interrupted() -> Run:
    """Return a run that gets SIGINT after ten responses."""

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        if number == 10:
            os.kill(os.getpid(), signal.SIGINT)

    async with serving(answer) as address:
        plan = Plan("http://x", 50, 3600, parse("external=1"), follow_per_s=0)
        connections = [Connections(address, "", 5.0) for _ in range(2)]
        generator = Generator(plan, Requests([], "run"), *connections)
        with reported(generator):
            generator.run.begin_phase("before")
            return await asyncio.wait_for(generator.go(), 60)
