"""The real client against a real HTTP server; needs the extra `grafana`: `make test-grafana`."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.shared.telemetry.grafana.annotations import Annotation, Annotations
from holdfast.shared.telemetry.grafana.client import GrafanaFailed, connect
from tests.grafana.server import TOKEN, FakeGrafana, grafana

pytest.importorskip("grafana_client")
_ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def fake() -> Iterator[FakeGrafana]:
    """A fake Grafana for one test."""
    with grafana() as server:
        yield server


async def until(condition: object, deadline_s: float = 10) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_a_replay_is_one_region_with_start_and_end(fake: FakeGrafana) -> None:
    """A replay is one annotation, created at its start and amended at its end, possibly by another replica."""
    for replica in (0, 1):
        annotations = Annotations(lambda: connect(fake.url, TOKEN, 2), timeout_s=3, pause_s=0.01)
        task = asyncio.create_task(annotations.run())
        annotations.add(Annotation("replay:7", "Replay 7", ("replay",), 1000.0))
        await until(lambda: fake.annotations)
        if replica:
            annotations.add(Annotation("replay:7", "Replay 7: done", ("replay",), 1000.0, 1060.5))
            await until(lambda: fake.annotations[1]["timeEnd"] == 1060500)
        task.cancel()
    [only] = fake.annotations.values()
    assert (only["time"], only["text"]) == (1000000, "Replay 7: done")
    assert only["tags"] == ["holdfast", "replay:7", "replay"]


async def test_a_slow_or_absent_grafana_fails_nobody(fake: FakeGrafana) -> None:
    """While Grafana hangs, adding an annotation returns at once, and the annotations' task goes on. A wrong token and a
    refused connection raise GrafanaFailed."""
    fake.hangs_s = 1.0
    annotations = Annotations(lambda: connect(fake.url, TOKEN, 0.1), timeout_s=0.2, pause_s=0.01)
    task = asyncio.create_task(annotations.run())
    for number in range(500):
        annotations.add(Annotation(f"replay:{number}", "x", (), 1.0, 2.0))
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    fake.hangs_s = 0
    with pytest.raises(GrafanaFailed):
        await connect(fake.url, "wrong", 2).find("x")
    with pytest.raises(GrafanaFailed):
        await connect("http://127.0.0.1:1", TOKEN, 2).version()


def check(fake: FakeGrafana, folder: Path, *more: str) -> tuple[int, str]:
    """Run the check as `make grafana-check` does, and return its exit code and output."""
    command = [
        sys.executable,
        "-m",
        "holdfast.shared.telemetry.grafana.check",
        fake.url,
        "--token",
        TOKEN,
        "--dashboards",
        str(folder),
    ]
    done = subprocess.run([*command, *more], cwd=_ROOT, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout


def test_the_check_says_what_is_there_and_what_is_not(fake: FakeGrafana, tmp_path: Path) -> None:
    """The check reports Grafana, its data source and every dashboard by uid as present or missing."""
    (tmp_path / "overview.json").write_text(json.dumps({"uid": "holdfast-overview"}))
    assert check(fake, tmp_path)[0] == 0
    (tmp_path / "writer.json").write_text(json.dumps({"uid": "holdfast-writer"}))
    code, output = check(fake, tmp_path, "--data-source", "nothing")
    assert code == 1
    assert "ok       Grafana: 13.0.1" in output
    assert "ok       dashboard holdfast-overview: Overview" in output
    assert "MISSING  data source nothing" in output
    assert "MISSING  dashboard holdfast-writer" in output
    fake.url = "http://127.0.0.1:1"
    assert check(fake, tmp_path)[0] == 2
