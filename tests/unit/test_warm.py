"""Warm: workers share imported modules, and are not affected when another worker ends."""

import os
from pathlib import Path

import pytest

from tests.warm import Warm

_IMPORTS = "http.server"


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_what_was_forked_for_a_worker_ends_with_it(tmp_path: Path) -> None:
    """A process that was forked for a worker ends with that worker, and no other does. The process that forked it ends
    with the last worker."""
    one, other = Warm(_IMPORTS, 0), Warm(_IMPORTS, 0)
    ends, stays = (each.start("http.server", ["0"], os.environ, tmp_path / "log") for each in (one, other))
    origin = _parent(ends.pid)
    assert _parent(stays.pid) == origin
    one.end()
    with pytest.raises(ProcessLookupError):
        os.kill(ends.pid, 0)
    assert stays.poll() is None
    other.end()
    with pytest.raises(ProcessLookupError):
        os.kill(stays.pid, 0)


def test_a_restart_comes_from_another_process(tmp_path: Path) -> None:
    """Restarts alternate between two warm processes, each with a hash seed of its own."""
    starts = [Warm.of(_IMPORTS, turn).start("http.server", ["0"], os.environ, tmp_path / "log") for turn in range(3)]
    first, second, third = (_parent(started.pid) for started in starts)
    assert first == third != second


def test_what_cannot_be_imported_fails_at_once() -> None:
    """A failed import in a warm process is an error at once, and is not retried."""
    with pytest.raises(AssertionError, match="a warm process has failed"):
        Warm("no.module.of.this.name", 0)
