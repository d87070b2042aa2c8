"""Log lines, written by a thread into a pipe that the test reads, or does not read."""

import logging
import os
from collections.abc import Iterator

import pytest

from holdfast.shared.telemetry import metrics
from holdfast.shared.telemetry.log_lines import WAITING_MAX, LogLines
from tests.servers import wait_until

#: A text that is longer than the capacity of a pipe.
_LONG = "x" * 100_000


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The read end and the write end of a pipe."""
    reader, writer = os.pipe()
    yield reader, writer
    os.close(writer)


def _record(text: str) -> logging.LogRecord:
    return logging.LogRecord("test", logging.INFO, __file__, 1, text, None, None)


def _dropped() -> float:
    return metrics.log_lines_dropped._value.get()


def test_lines_are_whole_and_in_order(pipe: tuple[int, int]) -> None:
    """Lines arrive whole and in order; a line longer than the pipe arrives in pieces, with no other line in between."""
    reader, writer = pipe
    lines = LogLines(writer)
    texts = ["a", _LONG, "b"]
    for text in texts:
        lines.handle(_record(text))
    with os.fdopen(reader) as file:
        assert [next(file) for _ in texts] == [f"{text}\n" for text in texts]
        lines.flush()


def test_what_is_too_much_is_dropped_and_counted(pipe: tuple[int, int]) -> None:
    """While the pipe is not read no caller waits, and surplus lines are dropped and counted. The lines that had room
    arrive once the pipe is read again."""
    reader, writer = pipe
    lines, before = LogLines(writer), _dropped()
    for number in range(WAITING_MAX + 100):
        lines.handle(_record(f"{number} {_LONG[:100] if number else _LONG}"))
    dropped = _dropped() - before
    assert 99 <= dropped <= 100, "the thread has one of them in hand, or none yet"
    with os.fdopen(reader) as file:
        kept = [int(next(file).split()[0]) for _ in range(WAITING_MAX + 100 - int(dropped))]
        assert kept == list(range(len(kept)))
        lines.flush()


def test_a_line_that_was_cut_short_spoils_no_other(pipe: tuple[int, int]) -> None:
    """If only the beginning of a line can be written, as on a full disk, it is counted, and the next line that can be
    written is a line of its own."""
    reader, writer = pipe
    os.set_blocking(writer, False)
    lines, before = LogLines(writer), _dropped()
    for text in (_LONG, "too early"):
        lines.handle(_record(text))
    lines.flush()
    assert _dropped() == before + 2
    begun = os.read(reader, len(_LONG))
    for text in ("a", "b"):
        lines.handle(_record(text))
    lines.flush()
    assert begun == _LONG.encode()[: len(begun)]
    assert os.read(reader, 100) == b"\na\nb\n"
    os.close(reader)


def test_what_nobody_will_ever_read_is_counted() -> None:
    """Lines for a pipe whose read end is closed are counted as dropped, and cause no error."""
    reader, writer = os.pipe()
    os.close(reader)
    lines, before = LogLines(writer), _dropped()
    lines.handle(_record("a"))
    wait_until(lambda: _dropped() == before + 1, what="counted")
    lines.handle(_record("b"))
    lines.flush()
    assert _dropped() == before + 2
    os.close(writer)
