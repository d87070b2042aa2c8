"""The README's tour: its commands, run by the test."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.readme.clone import Clone, clone
from tests.readme.documents import blocks, commands

#: Commands that do not end by themselves, or that run this test.
_NOT_HERE = ("make run", "make test", "make check")
_COMMAND_S = 180.0


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Clone]:
    """A fresh copy of the repository; processes that were started in it end with the test."""
    fresh = clone(tmp_path / "holdfast")
    yield fresh
    with contextlib.suppress(AssertionError):
        fresh.run("make down", _COMMAND_S)


@pytest.mark.long
def test_the_tour_works_as_written(newcomer: Clone) -> None:
    """Every command of the README ends successfully in its order, and none of its answers is an error without a
    copy."""
    typed = [command for block in blocks((ROOT / "README.md").read_text(), "sh") for command in commands(block)]
    typed = [command for command in typed if not command.startswith(_NOT_HERE) or command.startswith("make test-")]
    assert any(command.startswith("make up") for command in typed)
    typed = ["make up", *(command for command in typed if command not in ("make up", "make down")), "make down"]
    for command in typed:
        done = newcomer.run(command, _COMMAND_S)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        said = done.stdout.replace(" ", "")
        assert '"success":false' not in said or '"fallback_available":true' in said, f"{command}\n{done.stdout}"
