"""At rest: what the stores hold when a run is over, as tests/promises wants it. It asks the models themselves, past the
code under test."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.promises.final import Ended, Entity, Final, Letter, Replay, Row

Sql = Callable[[str], Iterable[tuple[Any, ...]]]
Redis = Callable[..., Any]

_PREFIX = b"{holdfast}:"
_WRITES, _DEAD, _EMAILS = _PREFIX + b"writes", _PREFIX + b"dead", _PREFIX + b"emails"
_HEARTBEATS = "heartbeats"
_METHODS = {"Create": "POST", "Update": "PATCH", "Replace": "PUT", "Delete": "DELETE"}


def final(sql: Sql, redis: Redis, ledger: Mapping[str, int] | None) -> Final:
    """Everything. `ledger`: as the system reports it."""
    letters = tuple(_letters(sql))
    return Final(
        ended=tuple(_ended(sql)),
        rows=tuple(_rows(sql)),
        letters=letters,
        replays=tuple(_replays(sql)),
        entries_left=tuple(entry[0].decode() for entry in redis(b"XRANGE", _WRITES, b"-", b"+") or ()),
        names_left=tuple(_names(redis, {letter.operation_id for letter in letters if letter.open})),
        ledger=ledger,
        seen_up_to=_seen_up_to(sql),
        unerased=tuple(_unerased(sql)),
    )


def letters_on_stream(redis: Redis) -> int:
    """Dead letters that are not indexed."""
    return int(redis(b"XLEN", _DEAD) or 0)


def entries(redis: Redis) -> int:
    """The backlog."""
    return int(redis(b"XLEN", _WRITES) or 0)


def _ended(sql: Sql) -> Iterable[Ended]:
    columns = "operation_id, resource, entity_id, command, version, effect, rejection, entry_id, ended_at"
    for id, resource, entity, command, version, effect, rejection, entry_id, at in sql(
        f"SELECT {columns} FROM operations"
    ):
        verb = command.split(" ")[0]
        method = next((method for name, method in _METHODS.items() if verb.startswith(name)), command)
        code = json.loads(rejection)["code"] if rejection else ""
        effect = "none" if resource == _HEARTBEATS else effect
        yield Ended(id, Entity(resource, entity), method, version, effect, code, entry_id is None, _seconds(at))


def _rows(sql: Sql) -> Iterable[Row]:
    columns = "id, name, email, name_version, email_version, created_version, deleted_version"
    for id, name, email, *versions, created, deleted in sql(f"SELECT {columns} FROM users"):
        values = {} if deleted else {"name": name, "email": email}
        yield Row(Entity("users", id), values, max(*versions, created, deleted), created, deleted)


def _unerased(sql: Sql) -> Iterable[str]:
    query = "SELECT id, name, email FROM users WHERE deleted_version > 0 AND (name <> '' OR email <> '')"
    return [str(id) for id, *_ in sql(query)]


def _letters(sql: Sql) -> Iterable[Letter]:
    for id, operation, state, reason, entry, error in sql(
        "SELECT id, operation_id, state, reason, entry_id, error FROM dead_letters"
    ):
        yield Letter(str(id), operation or "", state, reason, entry or "", error)


def _replays(sql: Sql) -> Iterable[Replay]:
    outcomes: dict[int, dict[str, int]] = {}
    for replay, state, count in sql("SELECT replay_id, state, COUNT(*) FROM replay_items GROUP BY replay_id, state"):
        outcomes.setdefault(replay, {})[state] = count
    for id, state, letters in sql("SELECT id, state, letters FROM replays"):
        yield Replay(id, state, letters, outcomes.get(id, {}))


def _names(redis: Redis, dead: set[str]) -> Iterable[str]:
    """What the queue holds of writes that are over; dead letters keep their operation and their address."""
    for name in redis(b"KEYS", b"*"):
        about = name.removeprefix(_PREFIX)
        if about.startswith((b"user:", b"attempts:")) or (about.startswith(b"op:") and about[3:].decode() not in dead):
            yield name.decode()
    holders = redis(b"HVALS", _EMAILS) or ()
    for holder in holders:
        operation = holder.decode().split(" ")[1]
        if operation not in dead:
            yield f"an address held by {operation}"


def _seen_up_to(sql: Sql) -> int:
    return max([newest for newest, *_ in [*sql("SELECT newest FROM queue_epochs ORDER BY epoch")][:-1]], default=0)


def _seconds(moment: Any) -> float:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return float(moment.replace(tzinfo=UTC).timestamp())
