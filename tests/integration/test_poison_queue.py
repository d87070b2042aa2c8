"""Entries that a demo puts on a stream get there through the door that everybody has to use."""

import pytest

from deploy.local.output import Problem
from deploy.poison.queue import put
from deploy.privileges.redis import OPERATOR
from tests.servers import PASSWORD, RedisServer


def test_entries_need_a_login(clean_redis: RedisServer) -> None:
    """In their order and as they are, whatever is in them; nothing gets in without the right password."""
    address = ("127.0.0.1", clean_redis.port)
    entries = [{"n": b"%d" % n, "raw": bytes([n % 256]) * n} for n in range(600)]
    put(address, (OPERATOR, PASSWORD), "poison", entries)
    with clean_redis.client() as client:
        found = client.xrange("poison")
        assert [fields for _, fields in found] == [{b"n": each["n"], b"raw": each["raw"]} for each in entries]
        with pytest.raises(Problem, match="WRONGPASS"):
            put(address, (OPERATOR, f"{PASSWORD}x"), "poison", entries)
        assert client.xlen("poison") == len(entries)
