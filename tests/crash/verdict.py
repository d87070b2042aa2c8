"""The verdict: what the stores hold, against what the clients were told."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import redis

from holdfast.shared.queue.names import ATTEMPTS, DEAD, OPERATION, PREFIX, WRITERS_GROUP, WRITES
from tests.convergence.sequential_model import Accepted, SequentialModel
from tests.crash.disputes import Disputed, Ended, disputed
from tests.servers import Database, RedisServer

_SHOWN = 5
_USER, _EMAILS = PREFIX + "user:", PREFIX + "emails"


@dataclass
class Verdict:
    """Every list but the counts should be empty."""

    applied: int = 0
    superseded: int = 0
    rejected: int = 0
    dead: int = 0
    dead_why: list[str] = field(default_factory=list)
    #: Acknowledged, and in no final state.
    lost: list[str] = field(default_factory=list)
    #: In the database, and no client was told so.
    unexpected: list[str] = field(default_factory=list)
    #: In two final states, or with another version than the client was told.
    twice: list[str] = field(default_factory=list)
    #: Operations that ended otherwise than in the order of acceptance.
    wrong_ends: list[str] = field(default_factory=list)
    #: Users who are otherwise than the order of acceptance gives.
    wrong_users: list[str] = field(default_factory=list)
    #: Entries, deliveries and keys that should be gone.
    left: list[str] = field(default_factory=list)
    disputed: Disputed = field(default_factory=lambda: Disputed(0, set(), set()))

    @property
    def faults(self) -> dict[str, list[str]]:
        """What is wrong, by kind."""
        kinds = ("lost", "unexpected", "twice", "wrong_ends", "wrong_users", "left")
        return {kind: getattr(self, kind) for kind in kinds if getattr(self, kind)}

    def told(self) -> str:
        """The first few of everything that is wrong, and why anything died."""
        shown = self.faults | ({"dead-lettered": self.dead_why} if self.dead else {})
        return "\n".join(f"{kind}: {', '.join(found[:_SHOWN])}" for kind, found in shown.items())


def judge(acknowledged: dict[str, Accepted], queue: RedisServer, database: Database) -> Verdict:
    """Compare; nothing is running but the servers."""
    rows = _ended(database)
    with queue.client() as client:
        letters = [fields for _, fields in client.xrange(DEAD)]
        dead = {letter.get(b"original.operation_id", b"").decode() for letter in letters}
        left = _left(client, dead)
    ends = [row.end for row in rows.values()]
    applied, superseded = ends.count("applied"), ends.count("superseded")
    verdict = Verdict(applied, superseded, len(ends) - applied - superseded, len(dead))
    verdict.left = left
    verdict.dead_why = [f"{letter[b'reason'].decode()}: {letter[b'error'].decode()}" for letter in letters]
    verdict.lost = sorted(acknowledged.keys() - rows.keys() - dead)
    verdict.unexpected = [f"{id}: {rows.get(id, 'dead')}" for id in (rows.keys() | dead) - acknowledged.keys()]
    verdict.twice = sorted(rows.keys() & dead)
    verdict.twice += [
        id
        for id in acknowledged.keys() & rows.keys()
        if not rows[id].direct and acknowledged[id].version not in (0, rows[id].version)
    ]
    _compare(verdict, acknowledged, rows, _visible(database))
    return verdict


def _compare(
    verdict: Verdict, acknowledged: dict[str, Accepted], rows: dict[str, Ended], visible: dict[str, tuple[Any, ...]]
) -> None:
    """With what the order of acceptance gives, where there is one."""
    verdict.disputed = disputed(acknowledged, rows)
    model = SequentialModel()
    for id in sorted(acknowledged.keys() & rows.keys(), key=lambda id: rows[id].version):
        model.take(replace(acknowledged[id], version=rows[id].version))
    verdict.wrong_ends = [
        f"{acknowledged[id]}: {rows[id].end}, in order {end}"
        for id, end in model.status.items()
        if rows[id].end.replace("superseded", "applied") != end and id not in verdict.disputed.operations
    ]
    expected = model.visible()
    verdict.wrong_users = [
        f"{id}: {visible.get(id)}, in order {expected.get(id)}"
        for id in sorted((visible.keys() | expected.keys()) - verdict.disputed.users)
        if visible.get(id) != expected.get(id)
    ]


def _ended(database: Database) -> dict[str, Ended]:
    query = "SELECT operation_id, version, effect, rejection, entry_id, ended_at FROM operations"
    return {
        id: Ended(version, json.loads(rejection)["code"] if rejection else effect, entry_id is None, ended_at)
        for id, version, effect, rejection, entry_id, ended_at in _rows(database, query)
    }


def _visible(database: Database) -> dict[str, tuple[Any, ...]]:
    query = (
        "SELECT id, name, email, GREATEST(name_version, email_version, created_version, deleted_version)"
        " FROM users WHERE created_version > 0 AND deleted_version = 0"
    )
    return {row[0]: row[1:] for row in _rows(database, query)}


def _rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def _left(client: redis.Redis, dead: set[str]) -> list[str]:
    """What Redis still holds of writes that are over; dead letters keep their operation and their address."""
    left = [f"{WRITES} {id.decode()}" for id, _ in client.xrange(WRITES, count=_SHOWN)]
    if pending := client.xpending(WRITES, WRITERS_GROUP)["pending"]:
        left.append(f"{pending} pending")
    for key in client.scan_iter(count=1000):
        name = key.decode()
        if name.startswith((_USER, ATTEMPTS)) or (name.startswith(OPERATION) and name[len(OPERATION) :] not in dead):
            left.append(name)
    holders = client.hgetall(_EMAILS).values()
    left += [f"{_EMAILS} {holder.decode()}" for holder in holders if holder.decode().split(" ")[1] not in dead]
    return left
