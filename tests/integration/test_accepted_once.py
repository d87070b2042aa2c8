"""The same operation sent again is the same write: a request that was sent twice, because a reply was lost, is on the
stream once."""

from dataclasses import replace

import pytest

from holdfast.shared.queue.names import CLOCK, KEYS_SINCE, PREFIX, WRITES
from tests.servers import RedisServer
from tests.stream import ACCEPT_SCRIPT, new_user


@pytest.mark.parametrize("at_once", [True, False])
def test_it_is_found(clean_redis: RedisServer, at_once: bool) -> None:
    """The accept script recognises a repeated operation without an Idempotency-Key too, within one call and across two
    calls."""
    arguments = new_user().arguments()
    with clean_redis.client() as client:

        def accept(*values: str | bytes | int) -> list[list[bytes]]:
            return list(client.eval(ACCEPT_SCRIPT, 2, WRITES, CLOCK, PREFIX, 0, 1, 60, 100, *values))

        first, again = accept(*arguments, *arguments) if at_once else accept(*arguments) + accept(*arguments)
        assert (first[0], again[0]) == (b"accepted", b"repeated")
        assert first[1:4] == again[1:4]
        assert client.xlen(WRITES) == 1


@pytest.mark.parametrize(
    ("since", "doubtful"),
    [(None, True), ("0", False), ("1", False), (str(2**52), True)],
    ids=["lost", "ever", "long", "new"],
)
def test_a_key_is_in_doubt_where_the_memory_may_have_forgotten(
    clean_redis: RedisServer, since: str | None, doubtful: bool
) -> None:
    """The script marks a key as unsure when Redis may have lost its record, so that the caller asks the database what
    the key was used for. `since` is when the record of keys began."""
    candidate = replace(new_user(), key_hash="a" * 64, body_hash="b" * 64)
    with clean_redis.client() as client:
        if since is not None:
            client.set(KEYS_SINCE, since)
        about = (PREFIX, 0, 1, 60, 100)
        [answer] = client.eval(ACCEPT_SCRIPT, 2, WRITES, CLOCK, *about, *candidate.arguments())
    assert (answer[0], b"unsure" in answer) == (b"accepted", doubtful)
