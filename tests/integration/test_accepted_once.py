"""The same operation sent again is the same write: a request that was sent twice, because a reply was lost, is on the
stream once. A key that is sent again with another request is not used again."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from holdfast.shared.connections.redis import entries
from holdfast.shared.errors import KeyReused
from holdfast.shared.queue.codec import decode
from holdfast.shared.queue.names import CLOCK, KEY, KEYS_SINCE, PREFIX, WRITES
from holdfast.shared.store.apply import apply
from holdfast.shared.store.engine import Engine, make_engine
from holdfast.shared.writes import keyed
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Applied, Outcome, Rejected
from tests.servers import PATIENT_DATABASE, Database, RedisServer
from tests.stream import ACCEPT_SCRIPT, new_user
from tests.users import EMAILS


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


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """An engine on an empty database."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, 1)
    yield made
    made.dispose()


def test_a_key_that_a_rejected_create_used_is_not_used_again(clean_redis: RedisServer, engine: Engine) -> None:
    """When the queue has only the trace of a key, and the api cannot ask the database, a create with a used key is
    accepted and then rejected, although the first request was rejected and left no entity."""
    digest = "a" * 64
    first, other, after = (
        replace(
            new_user(email=email),
            operation_id=keyed.operation_id(digest, request * 10),
            entity_id=keyed.entity_id(digest),
            key_hash=digest,
            body_hash=request * 64,
        )
        for request, email in (("1", "ann@example.com"), ("2", "bob@example.com"), ("3", "eve@example.com"))
    )
    with clean_redis.client() as client:
        client.set(KEYS_SINCE, 0)

        def applied(*values: str | bytes | int) -> Outcome:
            [answer] = client.eval(ACCEPT_SCRIPT, 2, WRITES, CLOCK, PREFIX, 0, 1, 60, 100, *values)
            assert answer[0] == b"accepted"
            [(entry_id, fields)] = entries(client.xrange(WRITES))
            client.delete(WRITES, KEY + digest, EMAILS)
            [outcome] = apply(engine, [Delivery(decode(fields, entry_id), entry_id)], lambda _: False, lambda _: None)
            return outcome

        assert isinstance(applied(*new_user(email="ann@example.com").arguments()), Applied)
        assert applied(*first.arguments()) == Rejected("EMAIL_TAKEN", {})
        for again in (other, after):
            assert applied(*again.arguments()) == Rejected(KeyReused.code, {"first_operation_id": first.operation_id})
