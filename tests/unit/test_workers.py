"""Workers are forks of one process, and report what workers that import the tests themselves would report."""

import os
import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT

_GOOD = (
    "def test_{}():\n    import os\n    with open({!r}, 'a') as parents:\n        print(os.getppid(), file=parents)\n"
)
_SKIPPED = "import pytest\npytest.importorskip('no.module.of.this.name')\ndef test(): assert False\n"
_BROKEN = "assert not 'as broken as it can be'\n"
_KILLED = "import os, signal\ndef test_killed(): os.kill(os.getpid(), signal.SIGKILL)\ndef test_next(): pass\n"
_DEADLINE_S = 240


def _run(folder: Path, *arguments: str) -> str:
    """Run the tests in the folder on two workers. Returns what pytest prints."""
    asked = ["-n", "2", "-c", os.devnull, "--rootdir", str(folder), "--import-mode=importlib", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "tests.schedule", *asked, *arguments, str(folder)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_DEADLINE_S, check=False
    )
    return done.stdout + done.stderr


def test_workers_are_forks_of_one_process(tmp_path: Path) -> None:
    """The tests of both workers have the same parent process. A module that asks to be skipped is skipped."""
    parents = tmp_path / "parents"
    for name in ("one", "other"):
        (tmp_path / f"test_{name}.py").write_text(_GOOD.format(name, str(parents)))
    (tmp_path / "test_skipped.py").write_text(_SKIPPED)
    output = _run(tmp_path)
    assert "2 passed, 1 skipped" in output, output
    first, second = parents.read_text().split()
    assert first == second


def test_a_module_that_cannot_be_imported_is_an_error(tmp_path: Path) -> None:
    """A module that cannot be imported is an error, and the other modules still run when that is asked for."""
    (tmp_path / "test_broken.py").write_text(_BROKEN)
    (tmp_path / "test_good.py").write_text(_GOOD.format("good", str(tmp_path / "parents")))
    output = _run(tmp_path, "--continue-on-collection-errors")
    assert "as broken as it can be" in output, output
    assert "1 passed, 2 errors" in output, output  # one error per worker


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    """A test whose worker is killed fails, once. All others run, and the run ends."""
    for name in ("one", "other"):
        (tmp_path / f"test_{name}.py").write_text(_KILLED)
    output = _run(tmp_path)
    assert "2 failed, 2 passed" in output, output
    for name in ("one", "other"):
        assert f"crashed while running 'test_{name}.py::test_killed'" in output, output
