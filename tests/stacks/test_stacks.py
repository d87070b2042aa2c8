"""One contract for processes and containers: a fault is removed when it ends, or when the stack is closed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.local import stack as local_stack
from deploy.local.output import Problem
from deploy.local.places import REPO
from deploy.local.settings import StackSettings
from deploy.local.supervisor_client import Supervisor
from deploy.stacks import mend, processes, running
from deploy.stacks.faults import Fault, Freeze, Kill, Stop
from deploy.stacks.journal import Journal
from deploy.stacks.stack import Stack
from tests.servers import wait_until

FAULTS: list[Fault] = [Stop("database"), Kill("database"), Freeze("database")]


@dataclass(frozen=True)
class Case:
    """A stack of one kind, and the state of its database: `running`, `frozen` or `down`."""

    kind: str
    database: Callable[[], str]


class FakeSupervisor:
    """A stand-in for supervisord's RPC interface, with one program, which is a process that sleeps."""

    def __init__(self) -> None:
        self._process = self._started()

    def getAllProcessInfo(self) -> list[dict[str, Any]]:  # noqa: N802 - supervisor's name
        """Return the state of the program as supervisor reports it."""
        alive = self._process.poll() is None
        state = {"pid": self._process.pid, "statename": "RUNNING"} if alive else {"pid": 0, "statename": "STOPPED"}
        return [{"name": "mariadb", "spawnerr": "", **state}]

    def stopProcess(self, *_: object) -> None:  # noqa: N802 - the same
        """End the process with SIGTERM."""
        self._process.terminate()
        self._process.wait()

    def startProcess(self, *_: object) -> None:  # noqa: N802 - the same
        """Start a new process."""
        self._process = self._started()

    def state(self) -> str:
        """Return the state of the process: `running`, `frozen` or `down`."""
        if self._process.poll() is not None:
            return "down"
        letter = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        return "frozen" if letter == "T" else "running"

    def end(self) -> None:
        """Kill the process for good."""
        self._process.kill()
        self._process.wait()

    def _started(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(["sleep", "60"])


@pytest.fixture(params=["local", "docker"])
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    """A stack of either kind with nothing broken. The guard, which has tests of its own, is left out, because it would
    look for the real processes."""
    monkeypatch.setattr(running, "BREAKING_LOCK", tmp_path / "lock")
    monkeypatch.setattr(running, "Journal", lambda: Journal(tmp_path / "undo.json"))
    monkeypatch.setattr(running, "mended_after", _without_guard)
    if request.param == "local":
        rpc = FakeSupervisor()
        supervisor = Supervisor()
        supervisor._rpc = rpc
        monkeypatch.setattr(local_stack, "running", lambda: supervisor)
        monkeypatch.setattr(processes, "saved", StackSettings)
        monkeypatch.setattr(mend, "wait_ready", lambda *_: None)
        yield Case("local", rpc.state)
        rpc.end()
        return
    script = Path(__file__).with_name("fake_docker.py").read_text().replace("WORKING_DIR", str(REPO))
    (tmp_path / "fake_docker.py").write_text(script)
    states = tmp_path / "states.json"
    states.write_text(json.dumps(dict.fromkeys(("api", "mysql", "cache"), "running")))
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\nexec {sys.executable} -S {tmp_path}/fake_docker.py "$@"\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    words = {"running": "running", "paused": "frozen", "exited": "down"}
    yield Case("docker", lambda: words[json.loads(states.read_text())["mysql"]])


def _without_guard(journal: Journal, report: Callable[[str], None]) -> Any:
    class Block:
        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            mend.mend(journal, report=report)

    return Block()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_fault_is_in_force_until_it_ends(case: Case, fault: Fault) -> None:
    """A fault is in force until it ends and may begin again, from any thread, as in load tests."""
    broken = "frozen" if isinstance(fault, Freeze) else "down"
    with running.running(case.kind) as stack, ThreadPoolExecutor(1) as thread:
        for _ in range(2):
            thread.submit(stack.begin, fault).result(60)
            wait_until(lambda: case.database() == broken, what=broken)
            thread.submit(stack.end, fault).result(60)
            wait_until(lambda: case.database() == "running", what="mended")


@pytest.mark.parametrize("case", ["local"], indirect=True)
def test_what_begins_in_part_only_is_undone(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that fails to begin is undone, so that it is not in force and another may begin."""

    def frozen(_: int) -> None:
        raise Problem("no such process")

    with running.running(case.kind) as stack:
        monkeypatch.setattr(processes, "freeze", frozen)
        with pytest.raises(Problem, match="no such process"):
            stack.begin(Freeze("database"))
        assert Journal(tmp_path / "undo.json").read() == []
        stack.begin(Kill("database"))
        stack.end(Kill("database"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_what_is_broken_when_the_stack_is_closed_is_mended(case: Case, fault: Fault) -> None:
    """When a stack is closed, faults that are in force are removed, even after Ctrl-C."""

    def break_and_go() -> None:
        with running.running(case.kind) as stack:
            stack.begin(fault)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_and_go()
    wait_until(lambda: case.database() == "running", what="mended")


def test_one_command_at_a_time_breaks_a_stack(case: Case) -> None:
    """A second command that would break a stack is refused, because it would mend what the first one breaks."""
    with running.running(case.kind), pytest.raises(Problem, match="another command"), running.running(case.kind):
        pass


def test_what_an_earlier_run_left_broken_is_mended_first(case: Case, tmp_path: Path) -> None:
    """When a stack is opened, faults that an earlier run left are removed first, and this is reported."""
    left = Journal(tmp_path / "undo.json")
    left.add({"how": "command", "command": ["touch", str(tmp_path / "mended")]})
    reported: list[str] = []
    with running.running(case.kind, report=reported.append):
        assert (tmp_path / "mended").exists()
    assert [line.partition(":")[0] for line in reported] == ["An earlier run was cut off", "Mending", "Mended."]


def test_a_kind_that_does_not_exist_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown kind of stack is a Problem that names the variable STACK and its value."""
    monkeypatch.setenv("STACK", "kubernetes")
    with pytest.raises(Problem, match="STACK=kubernetes is neither local nor docker"), running.running():
        pass


@pytest.mark.parametrize("case", ["docker"], indirect=True)
def test_a_docker_that_refuses_is_a_problem(case: Case) -> None:
    """If Docker refuses a command, the Problem contains Docker's error message."""

    def refused(stack: Stack) -> None:
        stack.begin(Kill("cache"))

    with running.running("docker") as stack, pytest.raises(Problem, match="cannot compose"):
        refused(stack)
    assert shutil.which("docker")
