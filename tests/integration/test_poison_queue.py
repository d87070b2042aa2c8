"""The entries that a demo puts on a stream pass through the same interface as all others."""

import pytest

from deploy.local.output import Problem
from deploy.poison.queue import put
from deploy.privileges.redis import OPERATOR
from tests.servers import PASSWORD, RedisServer


def test_entries_need_a_login(clean_redis: RedisServer) -> None:
    """Entries are added to their streams in order and unchanged, whatever their bytes are, and a wrong password is
    refused."""
    address = ("127.0.0.1", clean_redis.port)
    entries = [{"n": b"%d" % n, "raw": bytes([n % 256]) * n} for n in range(600)]
    put(address, (OPERATOR, PASSWORD), [(f"poison-{number % 2}", each) for number, each in enumerate(entries)])
    with clean_redis.client() as client:
        for turn in range(2):
            found = [fields for _, fields in client.xrange(f"poison-{turn}")]
            assert found == [{b"n": each["n"], b"raw": each["raw"]} for each in entries[turn::2]]
        with pytest.raises(Problem, match="WRONGPASS"):
            put(address, (OPERATOR, f"{PASSWORD}x"), [("poison-1", entries[0])])
        assert client.xlen("poison-1") == len(entries) / 2
