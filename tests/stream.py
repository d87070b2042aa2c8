"""The write stream as the tests use it: it accepts writes through the real script, and shows what became of them."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.services.api.candidate import Candidate
from holdfast.services.writer.pipeline import Handled
from holdfast.shared.connections.script import text_of
from holdfast.shared.queue.names import ATTEMPTS, CLOCK, DEAD, LUA, PREFIX, WRITERS_GROUP, WRITES
from tests.servers import START_DEADLINE_S, Database, RedisServer, wait_until
from tests.users import create_user, update_user

ACCEPT_SCRIPT = text_of(LUA / "accept.lua")
_KEY_LIFETIME_S = 60
USER_PENDING_MAX = 100_000


def new_user(name: str = "Ann", email: str = "") -> Candidate:
    """Return a create with new ids, and with an address of its own unless one is given."""
    email = email or f"{uuid.uuid4().hex}@example.com"
    return Candidate(str(uuid.uuid4()), str(uuid.uuid4()), create_user(name, email))


async def undisputed(handled: list[Handled]) -> list[Handled]:
    """Return `handled`: no other writer has these entries, so each may be dead-lettered."""
    return handled


def change(user_id: str, **fields: str) -> Candidate:
    """Return an update of a user."""
    return Candidate(str(uuid.uuid4()), user_id, update_user(**fields))


class Stream:
    """The writes in flight in one Redis, and their effects in one database."""

    def __init__(self, redis_server: RedisServer, database: Database) -> None:
        self._server = redis_server
        self._database = database

    def accept(self, candidates: Sequence[Candidate]) -> None:
        """Accept all candidates in one script call, so that one read returns them all."""
        values = [value for candidate in candidates for value in candidate.arguments()]
        with self._server.client() as client:
            about = (PREFIX, 0, 1, _KEY_LIFETIME_S, USER_PENDING_MAX)
            answers = client.eval(ACCEPT_SCRIPT, 2, WRITES, CLOCK, *about, *values)
        assert {answer[0] for answer in answers} == {b"accepted"}

    def add_raw(self, *entries: Mapping[str | bytes, str | bytes]) -> list[str]:
        """Add entries without the api in one transaction, and return their ids."""
        with self._server.client() as client, client.pipeline(transaction=True) as pipeline:
            for fields in entries:
                pipeline.xadd(WRITES, dict(fields))
            return [id.decode() for id in pipeline.execute()]

    def backlog(self) -> int:
        """Return the number of entries on the stream."""
        with self._server.client() as client:
            return int(client.xlen(WRITES))

    def somebody_reads(self) -> bool:
        """Return whether a reader waits for new entries right now."""
        with self._server.client() as client:
            return int(client.info("clients")["blocked_clients"]) > 0

    def pending(self) -> list[dict[str, Any]]:
        """Return the entries that a writer was given and has not settled."""
        with self._server.client() as client:
            return list(client.xpending_range(WRITES, WRITERS_GROUP, "-", "+", 10_000))

    def charged(self) -> list[str]:
        """Return the attempt keys of the entries that were charged an attempt."""
        with self._server.client() as client:
            return [key.decode() for key in client.keys(ATTEMPTS + "*")]

    def dead(self) -> list[dict[bytes, bytes]]:
        """Return the fields of the dead letters."""
        with self._server.client() as client:
            return [fields for _, fields in client.xrange(DEAD)]

    def ended(self) -> dict[str, str]:
        """Return the effect of each operation that has ended, by operation id."""
        with self._database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT operation_id, effect FROM operations")
            return dict(cursor.fetchall())

    def wait_for_end(
        self, candidates: Sequence[Candidate], effect: str = "applied", deadline_s: float = START_DEADLINE_S
    ) -> None:
        """Wait until the stream is empty, then check that every one of `candidates` has ended with `effect`."""
        wanted = {candidate.operation_id: effect for candidate in candidates}
        wait_until(lambda: self.backlog() == 0, deadline_s, "the backlog is gone")
        ended = self.ended()
        assert {id: ended.get(id) for id in wanted} == wanted
