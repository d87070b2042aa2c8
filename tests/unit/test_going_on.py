"""What an answer says if the queue stops answering while an operator resumes halted writers."""

from typing import Any, cast

import pytest
from redis.exceptions import TimeoutError as NoAnswer

from holdfast.services.dlq_admin.writers import Running, Writers
from holdfast.shared.errors import QueueUnavailable, ResumptionUnknown
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.queue.halts import HaltReport

ANN = Actor("ann", "operate", "because", "req_12345678")
HALT = HaltReport(id="1", why="undecodable", would_be_dead=70, for_s=1, tries=1, next_try_in_s=1)


class _Queue:
    """A queue with one halted writer. `silent`: the command whose reply is lost."""

    def __init__(self, silent: str) -> None:
        self._silent = silent

    async def time(self) -> tuple[int, int]:
        if self._silent == "time":
            raise NoAnswer
        return 5, 0

    async def hgetall(self, _: str) -> dict[bytes, bytes]:
        return {b"writer-1": b"5 " + HALT.model_dump_json().encode()}

    async def eval(self, *_: Any) -> int:
        raise NoAnswer


class _Database:
    async def change(self, *_: Any, **__: Any) -> int:
        return 7


def _writers(silent: str) -> Writers:
    redis = cast(Any, _Queue(silent))
    return Writers(redis, Running(redis), cast(Any, _Database()))


async def test_an_order_whose_reply_is_lost_may_be_carried_out() -> None:
    """The answer does not state that nothing happened."""
    with pytest.raises(ResumptionUnknown) as caught:
        await _writers("eval").go_on(None, ANN, dry_run=False)
    assert not caught.value.definite
    assert caught.value.dependency == "queue"


async def test_nothing_happens_while_it_is_unknown_who_is_halted() -> None:
    """The answer states that nothing happened."""
    with pytest.raises(QueueUnavailable) as caught:
        await _writers("time").go_on(None, ANN, dry_run=False)
    assert caught.value.definite
