"""The drill's backup: the queue's files are copied while Redis only appends to them, and failures are reported."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from deploy.local import places
from deploy.local.output import Problem
from deploy.restore import backup


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, ...]]:
    """The commands that Redis gets from a backup of a queue with one file."""
    asked: list[tuple[str, ...]] = []

    def redis(*arguments: str) -> str:
        asked.append(arguments)
        if arguments[0] == "INFO":
            return f"aof_rewrite_in_progress:{1 if len(asked) < 5 else 0}\n"
        return "auto-aof-rewrite-percentage\n100\n"

    monkeypatch.setattr(backup, "_redis", redis)
    monkeypatch.setattr(backup, "_QUEUE", tmp_path / "appendonlydir")
    monkeypatch.setattr(places, "make_all", lambda: None)
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / "appendonlydir" / "1.aof").write_text("entries")
    return asked


def test_nothing_is_copied_during_a_rewrite(
    asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The backup turns AOF rewrites off, waits for a running one, and turns them on again after the copy. The queue is
    copied before the database."""
    order: list[Any] = []
    monkeypatch.setattr(backup, "find", lambda program: "/bin/echo")
    copy = shutil.copytree
    monkeypatch.setattr(shutil, "copytree", lambda *at: (order.append(len(asked)), copy(*at)))
    backup.take(tmp_path / "backup")
    assert (tmp_path / "backup" / "queue" / "1.aof").read_text() == "entries"
    assert "--databases" in (tmp_path / "backup" / "database.sql").read_text()
    assert asked[1] == ("CONFIG", "SET", "auto-aof-rewrite-percentage", "0")
    assert asked[-1] == ("CONFIG", "SET", "auto-aof-rewrite-percentage", "100")
    assert order == [len(asked) - 1]


def test_a_dump_that_fails_is_a_problem(
    asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A failed dump of the database is a problem, and AOF rewrites are turned on again."""
    monkeypatch.setattr(backup, "find", lambda program: "/bin/false")
    with pytest.raises(Problem, match="dump failed"):
        backup.take(tmp_path / "backup")
    assert asked[-1] == ("CONFIG", "SET", "auto-aof-rewrite-percentage", "100")
