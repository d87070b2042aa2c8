"""The last good answer: how old it is, and which of two is the last."""

import time
from unittest.mock import AsyncMock

import pytest

from holdfast.shared.cache.last_good import Kept, LastGood


@pytest.fixture
def last_good() -> LastGood:
    """The last good answer of one process, without a Redis."""
    return LastGood(AsyncMock(), "external", hard_s=3600)


def test_a_copy_is_as_old_as_the_question(last_good: LastGood) -> None:
    """An answer that was four seconds on its way is four seconds old when it arrives."""
    asked_at = time.time() - 4
    last_good.keep(b"1", asked_at)
    assert last_good.get(60) == Kept(b"1", asked_at)
    assert last_good.get(3) is None


def test_an_answer_that_was_overtaken_replaces_nothing(last_good: LastGood) -> None:
    """The answer to the later request is kept, even if the answer to the earlier request arrives after it."""
    now = time.time()
    last_good.keep(b"2", now - 1)
    last_good.keep(b"1", now - 4)
    assert last_good.get(60) == Kept(b"2", now - 1)


async def test_a_clock_that_is_put_back_keeps_no_answer_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the clock was set back, a kept answer lies in the future, in this process and in Redis, and the next answer
    replaces both."""
    stored: dict[str, bytes] = {}
    redis, now, moved_s = AsyncMock(), time.time, [600.0]
    redis.get.side_effect = stored.get
    redis.set.side_effect = lambda key, value, px: stored.update({key: value})
    last_good = LastGood(redis, "external", hard_s=3600)
    monkeypatch.setattr("holdfast.shared.cache.last_good.time.time", lambda: now() + moved_s[0])
    last_good.keep(b"1", now() + 600)
    await last_good.sync()
    await last_good.sync()
    moved_s[0] = 0
    newer = Kept(b"2", now())
    last_good.keep(*newer)
    await last_good.sync()
    assert last_good.get(60) == newer
    other = LastGood(redis, "external", hard_s=3600)
    await other.sync()
    await last_good.sync()
    assert redis.set.call_count == 2
    assert other.get(60) == newer
