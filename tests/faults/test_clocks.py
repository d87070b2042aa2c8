"""Services with wrong wall clocks: neither order nor acceptance depends on them."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.queue.backlog import backlog
from holdfast.shared.queue.names import WRITES
from tests import processes
from tests.faults.rig import AWAY, DEADLINE_S, HEALING_S, Rig
from tests.servers import RedisServer, wait_until

_OTHER_CLOCK = "tests.faults.other_clock"
_TWO_HOURS_S, _THREE_DAYS_S = 7_200.0, 259_200.0


@pytest.fixture
def others(rig: Rig, tmp_path: Path) -> Iterator[list[httpx.Client]]:
    """Clients of two more apis, one whose clock is ahead and one whose clock is behind."""
    queue, cache = f"127.0.0.1:{rig.to_queue.port}", rig.cache.address
    services = [
        processes.api(
            tmp_path, queue, rig.database.dsn, _OTHER_CLOCK, SERVICE="holdfast.services.api",
            CLOCK_AHEAD_S=str(ahead_s), HOLDFAST_INSTANCE=f"api{ahead_s:+.0f}", HOLDFAST_CACHE_REDIS_ADDR=cache,
            HOLDFAST_API_BREAKER_OPEN_S="0.3",
        )
        for ahead_s in (_TWO_HOURS_S, -_TWO_HOURS_S)
    ]  # fmt: skip
    with processes.running(*services), ExitStack() as stack:
        yield [stack.enter_context(httpx.Client(base_url=service.url, timeout=4 * DEADLINE_S)) for service in services]


def test_services_whose_clocks_are_wrong_agree(rig: Rig, others: list[httpx.Client], tmp_path: Path) -> None:
    """Writes of one user through three apis whose clocks differ by hours, some with the queue and some without, are
    applied by a writer whose clock is days behind, and the write accepted last stands each time."""
    user = rig.known_user()
    writer = processes.writer(
        tmp_path, rig.queue.address, rig.database.dsn, module=_OTHER_CLOCK, SERVICE="holdfast.services.writer",
        CLOCK_AHEAD_S=str(-_THREE_DAYS_S), HOLDFAST_CACHE_REDIS_ADDR=rig.cache.address, **processes.QUICK,
    ).start()  # fmt: skip

    def change(by: httpx.Client, name: str, status: int) -> None:
        wait_until(lambda: by.patch(user, json={"name": name}).status_code == status, HEALING_S, name)

    def stands(name: str) -> None:
        wait_until(lambda: rig.backlog() == 0, what="applied")
        assert rig.count(f"users WHERE name = '{name}'") == 1, name

    everybody = dict(zip(("right", "ahead", "behind"), [rig.client, *others], strict=True))
    try:
        for direct, queued in (("ahead", "behind"), ("behind", "ahead"), ("ahead", "right")):
            rig.to_queue.set(AWAY)
            change(everybody[direct], f"direct, {direct}", 200)
            rig.to_queue.heal()
            change(everybody[queued], f"queued, {queued} after {direct}", 202)
            stands(f"queued, {queued} after {direct}")
    finally:
        writer.kill()


async def test_the_age_of_the_backlog_is_by_the_clock_that_gave_its_ids(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An api whose clock is hours ahead computes the age of a new write from the clock of the queue, so it does not
    take the write for an old one and refuse others."""
    with own_redis.client() as queue:
        queue.xadd(WRITES, {"a": "new write"})
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + _TWO_HOURS_S)
    redis = connect(own_redis.address, RedisTimeouts(2, 20))
    try:
        seen = await backlog(redis)
    finally:
        await redis.aclose()
    assert 0 <= seen.waiting_age_s < _TWO_HOURS_S / 2
    assert 0 <= seen.oldest_age_s < _TWO_HOURS_S / 2
