"""Work in processes of its own: each piece has an answer, or none when it died or never ended."""

import os
import signal

from tests.simulation.forked import each


def _work(piece: int) -> int:
    if piece == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    while piece == 5:
        pass
    return piece * piece


def test_each_piece_has_an_answer_or_none() -> None:
    """Several pieces of work run at a time, and a piece that dies or never ends has no answer and stops no other
    piece."""
    assert dict(each(range(8), _work, jobs=3, limit_s=1)) == {
        number: None if number in (3, 5) else number * number for number in range(8)
    }
