"""The disk of the queue: a power loss takes what was not synced, and nothing else."""

import threading
from pathlib import Path

import pytest
import redis

from tests.servers import wait_until
from tests.verify.disk import RedisOnDisk


@pytest.fixture
def server(tmp_path: Path) -> RedisOnDisk:
    """A running Redis whose file operations are observed."""
    server = RedisOnDisk(tmp_path)
    if not server.observed:
        pytest.fail("there is no C compiler: a power loss cannot be shown here")
    server.start()
    return server


def _write_on(client: redis.Redis) -> None:
    while True:
        client.incr("held")


def test_what_was_answered_survives_a_power_loss_and_what_was_not_synced_does_not(server: RedisOnDisk) -> None:
    """An answered write survives a power loss. The write that is held back on its way to the disk gets no answer, and
    is lost."""
    lost: list[int] = []
    try:
        with server.client() as client:
            client.set("answered", 1)
            power = threading.Thread(target=lambda: lost.append(server.lose_power()))
            power.start()
            with pytest.raises(redis.RedisError):
                _write_on(client)
            power.join()
        server.start()
        wait_until(server.answers, what="it is back")
        with server.client() as client:
            assert client.get("answered") == b"1"
            client.set("answered", 2)
            assert lost[0] > 0
    finally:
        server.kill()


def test_a_redis_that_answers_before_it_syncs_loses_what_it_answered(tmp_path: Path) -> None:
    """A power loss finds a Redis that answers before it syncs, because an answered write is gone; `kill -9` does not
    find this."""
    server = RedisOnDisk(tmp_path, "--appendfsync", "no")
    server.start()
    try:
        with server.client() as client:
            client.set("answered", 1)
        server.lose_power()
        server.start()
        with server.client() as client:
            assert client.get("answered") is None
    finally:
        server.kill()
