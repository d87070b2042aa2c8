"""Breaking things: what was frozen, ended or told to misbehave is mended, however it ends."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.load.faults import FAULTS, chosen
from deploy.load.stacks import Containers
from deploy.local.outages import Outages
from deploy.local.problem import Problem
from deploy.local.settings import StackSettings
from deploy.local.supervisor_client import Supervisor
from deploy.third_party.room import Room
from tests.servers import wait_until


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that does nothing, for a minute."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


class _Rpc:
    """supervisord's side: one program, which is the sleeper, and which takes its time to stop."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def getAllProcessInfo(self) -> list[dict[str, Any]]:  # noqa: N802 - supervisor's name
        """As supervisor has it."""
        alive = self._process.poll() is None
        return [
            {
                "name": "mariadb",
                "pid": self._process.pid if alive else 0,
                "statename": "RUNNING" if alive else "STOPPED",
            }
        ]

    def stopProcess(self, *_: object) -> None:  # noqa: N802 - the same
        """It only asks."""


def _supervisor(process: "subprocess.Popen[bytes]") -> Supervisor:
    supervisor = Supervisor()
    supervisor._rpc = _Rpc(process)
    return supervisor


def test_what_was_frozen_goes_on_when_the_block_ends(sleeper: "subprocess.Popen[bytes]") -> None:
    """Also when it ends with Ctrl-C."""

    def freeze_and_go() -> None:
        with Outages(_supervisor(sleeper), StackSettings()) as outages:
            outages.freeze(["mariadb"])
            wait_until(lambda: _state(sleeper.pid) == "T", what="frozen")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        freeze_and_go()
    wait_until(lambda: _state(sleeper.pid) == "S", what="thawed")


def test_a_hard_stop_does_not_wait_for_good_order(sleeper: "subprocess.Popen[bytes]") -> None:
    """The process is gone, by kill -9."""
    _supervisor(sleeper).stop(["mariadb"], 5, hard=True)
    assert sleeper.wait(5) == -9


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker that only notes what it is told."""
    noted = tmp_path / "noted"
    (tmp_path / "docker").write_text(f'#!/bin/sh\necho "$@" >> {noted}\n[ "$5" != cache ]\n')
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return noted


def test_containers_are_broken_and_mended(docker: Path) -> None:
    """Each in its own way; the one that is still broken when the block ends, then."""
    with Containers() as containers:
        for name in ("database-killed", "database-frozen"):
            containers.begin(FAULTS[name])
            containers.end(FAULTS[name])
        containers.begin(FAULTS["queue-stopped"])
    assert docker.read_text().splitlines() == [
        f"compose --profile demo {told}"
        for told in (
            "kill mysql", "up --detach --wait --no-deps mysql", "pause mysql", "unpause mysql", "stop queue",
            "up --detach --wait --no-deps queue",
        )
    ]  # fmt: skip


def test_a_docker_that_says_no_is_a_problem(docker: Path) -> None:
    """Told with what to do."""
    containers = Containers()
    with pytest.raises(Problem, match="make docker-run"):
        containers.begin(FAULTS["cache-killed"])


def test_an_unknown_fault_is_told_with_those_that_are_known() -> None:
    """Nothing at all is unknown too."""
    assert [fault.name for fault in chosen("queue-killed, database-frozen")] == ["queue-killed", "database-frozen"]
    for text in ("database-gone", ""):
        with pytest.raises(ValueError, match=r"FAULTS=.* there are database-stopped"):
            chosen(text)


async def test_a_third_party_that_is_full_works_on_for_those_who_have_left() -> None:
    """One place: who gives up does not make it free, and the next one waits for both."""
    room = Room(1)
    order: list[str] = []

    async def work(name: str) -> None:
        await room.work(0.05)
        order.append(name)

    gone = asyncio.ensure_future(work("gone"))
    await asyncio.sleep(0)
    patient = asyncio.ensure_future(work("patient"))
    await asyncio.sleep(0)
    gone.cancel()
    began = asyncio.get_running_loop().time()
    await patient
    assert order == ["patient"]
    assert asyncio.get_running_loop().time() - began > 0.08
    await asyncio.gather(*(Room(None).work(0.01) for _ in range(1000)))  # room for everybody: at once
