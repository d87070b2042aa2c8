"""The audit: reads what the stores and the third party hold at rest, directly, without caches or services in
between."""

import asyncio
import json
from dataclasses import asdict
from typing import Any

from holdfast.services.dlq_admin.auditor.ledger import read_ledger
from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.store.engine import Timeouts, make_engine
from tests.promises.final import Arrival, Ended, Entity, Final, Letter, Replay, Row
from tests.servers import Database
from tests.verify import queue_left
from tests.verify.stage import Stage

_METHODS = {"Create": "POST", "Update": "PATCH", "Replace": "PUT", "Delete": "DELETE"}
_NO_EFFECT = "none"


def audit(stage: Stage) -> Final:
    """Return everything that is held, after all of our processes except the servers have ended."""
    arrivals = tuple(
        Arrival(each["at"], each["method"], each["idempotency_key"] or "") for each in stage.third_party.arrivals()
    )
    database = stage.database
    letters = _letters(database)
    partitions = stage.partitions
    with stage.queue.client() as client:
        letters += queue_left.letters(client, partitions)
        dead = {letter.operation_id for letter in letters if letter.open}
        left, names = queue_left.entries(client, partitions), queue_left.names(client, partitions, dead)
        resent = queue_left.resent(client, partitions)
    return Final(
        ended=tuple(ended(database)),
        rows=tuple(_users(database)),
        letters=tuple(letters),
        replays=tuple(_replays(database)),
        resent=resent,
        entries_left=tuple(left),
        names_left=tuple(names),
        ledger=asyncio.run(_ledger(stage)),
        fails_over=stage.fails_over,
        arrivals=arrivals,
        unerased=tuple(
            id for (id,) in _rows(
                database, "SELECT id FROM users WHERE deleted_version > 0 AND (name != '' OR email_key IS NOT NULL)"
            )
        ),
    )  # fmt: skip


def ended(database: Database) -> list[Ended]:
    """Return the ended operations. Their times are by the clock that all processes of a machine share, and were taken
    while the rows of the entity were locked. For one entity they give the order of commits."""
    query = (
        "SELECT operation_id, resource, entity_id, command, version, effect, rejection, entry_id IS NULL,"
        " UNIX_TIMESTAMP(ended_at) FROM operations"
    )
    return [
        Ended(id, Entity(resource, entity_id), _METHODS.get(command[:6], _METHODS.get(command[:7], "")), version,
              effect if command != "Heartbeat" else _NO_EFFECT, json.loads(rejection)["code"] if rejection else "",
              bool(direct), float(ended_at))
        for id, resource, entity_id, command, version, effect, rejection, direct, ended_at in _rows(database, query)
    ]  # fmt: skip


def _users(database: Database) -> list[Row]:
    query = (
        "SELECT id, name, email, GREATEST(name_version, email_version, created_version, deleted_version),"
        " created_version, deleted_version FROM users"
    )
    return [
        Row(Entity("users", id), {"name": name, "email": email}, version, created, deleted)
        for id, name, email, version, created, deleted in _rows(database, query)
    ]


def _letters(database: Database) -> list[Letter]:
    query = "SELECT id, operation_id, state, reason, entry_id, error FROM dead_letters"
    return [
        Letter(str(id), operation_id or "", state, reason, entry_id or "", error or "")
        for id, operation_id, state, reason, entry_id, error in _rows(database, query)
    ]


def _replays(database: Database) -> list[Replay]:
    outcomes: dict[int, dict[str, int]] = {}
    for id, state, count in _rows(database, "SELECT replay_id, state, COUNT(*) FROM replay_items GROUP BY 1, 2"):
        outcomes.setdefault(id, {})[state] = count
    found = _rows(database, "SELECT id, state, letters FROM replays")
    return [Replay(id, state, letters, outcomes.get(id, {})) for id, state, letters in found]


async def _ledger(stage: Stage) -> dict[str, int]:
    client = connect(stage.queue.address, RedisTimeouts(2, 30))
    engine = make_engine(stage.database.dsn, Timeouts(10, 10, 30, 2), pool_size=2)
    try:
        ledger = await read_ledger(client, engine, partitions=stage.partitions)
        return asdict(ledger) | {"accepted": ledger.accepted, "missing": ledger.missing}
    finally:
        await client.aclose()
        engine.dispose()


def _rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
