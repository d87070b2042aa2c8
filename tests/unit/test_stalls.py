"""Stalls: the cause of a stall is what took more than half of its time."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.stalls import COLLECTOR, OTHERS, Stall, causes, read


@pytest.mark.parametrize(
    ("worked_ms", "collecting_ms", "cause"),
    [(39, 30, COLLECTOR), (39, 3, "services/api/view.py:1 entity"), (3, 0, OTHERS)],
)
def test_the_cause_is_what_took_most(worked_ms: float, collecting_ms: float, cause: str) -> None:
    """The cause of a stall is the collector or the loop's own work, whichever took more than half of its time, or
    neither."""
    assert Stall(1.0, 40, worked_ms, collecting_ms, "services/api/view.py:1 entity").cause == cause


def test_those_of_a_time_are_counted_by_cause() -> None:
    """The stalls of a period are counted by cause, the most frequent cause first. Stalls that ended before or after the
    period are left out."""
    of_others, collected = [Stall(at, 40, 0, 0, "") for at in (1.0, 2.0, 3.0)], Stall(2.5, 50, 50, 50, "")
    assert causes([*of_others, collected], 2.0, 4.0) == {OTHERS: [40, 40], COLLECTOR: [50]}


_STUCK = """
import asyncio, gc
from holdfast.shared.telemetry import loop_lag

async def turns():
    for _ in range(9):
        await asyncio.sleep(0)

async def main():
    measuring = asyncio.create_task(loop_lag.watch())
    await turns()
    kept = [[number] for number in range(300_000)]
    for _ in range(30):
        gc.collect()
    await turns()
    measuring.cancel()

asyncio.run(main())
"""


def test_a_loop_that_collects_garbage_is_seen(tmp_path: Path) -> None:
    """The tracer names the collector as a cause in a program that stops its event loop with nothing else."""
    (tmp_path / "stuck.py").write_text(_STUCK)
    out = tmp_path / "stalls.jsonl"
    run = [sys.executable, "-m", "tests.bench.loop_trace", str(out), "stuck"]
    subprocess.run(run, env={"PYTHONPATH": f".:{tmp_path}"}, check=True, timeout=120)
    assert COLLECTOR in {stall.cause for stall in read(out)}
