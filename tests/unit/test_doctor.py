"""`make doctor` checks everything, changes nothing, and does not crash on an unusual machine."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import doctor, machine, packages
from deploy.local.output import Problem
from deploy.local.places import LOCAL
from deploy.local.settings import StackSettings


@pytest.fixture(autouse=True)
def a_quick_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which programs are not asked for their versions and no stack runs."""
    monkeypatch.setattr(machine, "version", lambda program: "1.2.3")
    monkeypatch.setattr(machine, "docker_works", lambda: False)
    monkeypatch.setattr(doctor, "running", lambda: None)
    monkeypatch.setattr(doctor, "is_free", lambda host, port: True)
    monkeypatch.setattr(packages, "missing", list)


def looked(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Return the exit code, and what was printed."""
    code = doctor.show(StackSettings)
    return code, capsys.readouterr().out


def test_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """`make doctor` writes no folder and no secret."""
    before = _everything(LOCAL)
    code, printed = looked(capsys)
    assert code == 0
    assert "make up should work here." in printed
    assert _everything(LOCAL) == before


def _everything(folder: Path) -> list[tuple[str, float]]:
    if not folder.exists():
        return []
    return sorted((str(path), path.stat().st_mtime) for path in folder.rglob("*.json"))


def test_a_taken_port_is_taken_and_not_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A taken port is reported with the setting's name, the process that has it, and the command that moves all
    ports."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setattr(doctor, "is_free", lambda host, asked: asked != port)
        code = doctor.show(lambda: StackSettings(api_port=port))
    printed = capsys.readouterr().out
    line = next(line for line in printed.splitlines() if f"port {port}" in line)
    assert code == 1
    assert line.split()[0] == "taken"
    assert "API_PORT" in line
    assert "(process " in line
    assert "make up PORT_OFFSET=100" in printed


@pytest.mark.parametrize("broken", ["memory_available_mib", "disk_free_gib", "clock_is_synchronized", "version"])
def test_a_check_that_fails_is_a_finding(
    broken: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A check that fails is a finding, and the others are made."""

    def fails(*_: object) -> None:
        raise FileNotFoundError("/proc/meminfo")

    monkeypatch.setattr(machine, broken, fails)
    _, printed = looked(capsys)
    assert "could not be checked: FileNotFoundError: /proc/meminfo" in " ".join(printed.split())
    assert "Python" in printed
    assert "environments" in printed


def test_a_wrong_setting_is_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong setting is a finding, in the words of the command that would refuse it."""

    def refused() -> StackSettings:
        raise Problem("API_PORT=x is not a whole number")

    assert doctor.show(refused) == 1
    assert "API_PORT=x is not a whole number" in capsys.readouterr().out


def test_lines_fit_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """No line is longer than eighty columns."""
    _, printed = looked(capsys)
    assert [line for line in printed.splitlines() if len(line) > 80] == []


def test_an_engine_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container engine that hangs counts as one that does not work."""

    def hangs(command: tuple[str, ...], **_: object) -> Iterator[None]:
        raise subprocess.TimeoutExpired(command, 10)

    monkeypatch.undo()
    monkeypatch.setattr(subprocess, "run", hangs)
    assert machine.docker_works() is False
