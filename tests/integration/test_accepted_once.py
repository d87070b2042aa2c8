"""The same operation again is the same write: what was sent twice, because a reply was lost, is on the stream once."""

import pytest

from holdfast.shared.queue.names import CLOCK, PREFIX, WRITES
from tests.servers import RedisServer
from tests.stream import ACCEPT_SCRIPT, new_user


@pytest.mark.parametrize("at_once", [True, False])
def test_it_is_found(clean_redis: RedisServer, at_once: bool) -> None:
    """Without an Idempotency-Key too; in one call of the script or in two."""
    arguments = new_user().arguments()
    with clean_redis.client() as client:

        def accept(*values: str | bytes | int) -> list[list[bytes]]:
            return list(client.eval(ACCEPT_SCRIPT, 2, WRITES, CLOCK, PREFIX, 0, 1, 60, 100, *values))

        first, again = accept(*arguments, *arguments) if at_once else accept(*arguments) + accept(*arguments)
        assert (first[0], again[0]) == (b"accepted", b"repeated")
        assert first[1:4] == again[1:4]
        assert client.xlen(WRITES) == 1
