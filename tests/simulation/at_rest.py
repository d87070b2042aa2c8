"""At rest: collects what the stores hold at the end of a run, in the form that tests/promises takes. It reads the
models directly, not through the code under test."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.promises.final import Ended, Entity, Final, Letter, Replay, Row

Sql = Callable[[str], Iterable[tuple[Any, ...]]]
Redis = Callable[..., Any]

#: Matches a key of any partition.
_PREFIX = re.compile(rb"\{holdfast[^}]*\}:")
#: Seconds after the end of its lease within which the sweeper removes a claim that no write holds.
_SWEPT_S = 30
_HEARTBEATS = "heartbeats"
_METHODS = {"Create": "POST", "Update": "PATCH", "Replace": "PUT", "Delete": "DELETE"}


def final(sql: Sql, redis: Redis, ledger: Mapping[str, int] | None, ended: Mapping[str, float]) -> Final:
    """Return everything. `ledger`: as the system reports it; `ended`: when each operation was committed."""
    letters = tuple(_letters(sql))
    return Final(
        ended=tuple(_ended(sql, ended)),
        rows=tuple(_rows(sql)),
        letters=letters,
        replays=tuple(_replays(sql)),
        entries_left=tuple(
            entry[0].decode() for stream in _named(redis, b"writes") for entry in redis(b"XRANGE", stream, b"-", b"+")
        ),
        names_left=tuple(_names(redis, {letter.operation_id for letter in letters if letter.open})),
        ledger=ledger,
        resent=sum(int(redis(b"HGET", each, b"replayed") or 0) for each in _named(redis, b"ledger")),
        seen=_seen(sql),
        unerased=tuple(_unerased(sql)),
        audited={str(action): count for action, count in sql("SELECT action, COUNT(*) FROM audit_log GROUP BY action")},
    )


def paced_s(sql: Sql) -> float:
    """Return the seconds that running replays need for the letters that they have not sent, at the pace that operators
    gave them. They are driven side by side."""
    waiting = {id: count for id, count in sql(
        "SELECT replay_id, COUNT(*) FROM replay_items WHERE state = 'waiting' GROUP BY replay_id"
    )}  # fmt: skip
    plans = sql("SELECT id, plan FROM replays WHERE state = 'running'")
    return max((waiting.get(id, 0) / json.loads(plan)["rate_per_s"] for id, plan in plans), default=0.0)


def letters_on_stream(redis: Redis) -> int:
    """Return the dead letters that are not indexed yet."""
    return sum(int(redis(b"XLEN", stream)) for stream in _named(redis, b"dead"))


def entries(redis: Redis) -> int:
    """Return the entries of the backlog."""
    return sum(int(redis(b"XLEN", stream)) for stream in _named(redis, b"writes"))


def _named(redis: Redis, name: bytes) -> list[bytes]:
    """Return the keys of this name in all partitions."""
    return [key for key in redis(b"KEYS", b"*") or () if _PREFIX.sub(b"", key) == name]


def _ended(sql: Sql, ended: Mapping[str, float]) -> Iterable[Ended]:
    columns = "operation_id, resource, entity_id, command, version, effect, rejection, entry_id"
    for id, resource, entity, command, version, effect, rejection, entry_id in sql(f"SELECT {columns} FROM operations"):
        verb = command.split(" ")[0]
        method = next((method for name, method in _METHODS.items() if verb.startswith(name)), command)
        code = json.loads(rejection)["code"] if rejection else ""
        effect = "none" if resource == _HEARTBEATS else effect
        yield Ended(id, Entity(resource, entity), method, version, effect, code, entry_id is None, ended[id])


def _rows(sql: Sql) -> Iterable[Row]:
    columns = "id, name, email, name_version, email_version, created_version, deleted_version"
    for id, name, email, *versions, created, deleted in sql(f"SELECT {columns} FROM users"):
        values = {} if deleted else {"name": name, "email": email}
        yield Row(Entity("users", id), values, max(*versions, created, deleted), created, deleted)


def _unerased(sql: Sql) -> Iterable[str]:
    query = "SELECT id, name, email FROM users WHERE deleted_version > 0 AND (name <> '' OR email <> '')"
    return [str(id) for id, *_ in sql(query)]


def _letters(sql: Sql) -> Iterable[Letter]:
    for id, operation, state, reason, entry, error, entity, edit in sql(
        "SELECT id, operation_id, state, reason, entry_id, error, entity_id, edit FROM dead_letters"
    ):
        yield Letter(str(id), operation or "", state, reason, entry or "", error, entity or "", bool(edit))


def _replays(sql: Sql) -> Iterable[Replay]:
    outcomes: dict[int, dict[str, int]] = {}
    for replay, state, count in sql("SELECT replay_id, state, COUNT(*) FROM replay_items GROUP BY replay_id, state"):
        outcomes.setdefault(replay, {})[state] = count
    for id, state, letters in sql("SELECT id, state, letters FROM replays"):
        yield Replay(id, state, letters, outcomes.get(id, {}))


def _names(redis: Redis, dead: set[str]) -> Iterable[str]:
    """Return the keys that the queue holds for writes that have ended. Dead letters keep their operation and their
    unique values."""
    for name in redis(b"KEYS", b"*"):
        about = _PREFIX.sub(b"", name)
        if about.startswith((b"user:", b"attempts:")) or (about.startswith(b"op:") and about[3:].decode() not in dead):
            yield name.decode()
    for emails in _named(redis, b"emails"):
        now_s = int(redis(b"TIME")[0])
        for holder in list(redis(b"HGETALL", emails) or ())[1::2]:
            _, operation, *leases = holder.decode().split(" ")  # with several partitions each operation has a lease
            for each, until in zip([operation, *leases[1::2]], [*leases[::2]] or ["0"], strict=True):
                if each not in dead and int(until) // 1_000_000 <= now_s - _SWEPT_S:
                    yield f"an address held by {each}"


def _seen(sql: Sql) -> tuple[tuple[int, int], ...]:
    return tuple(
        (floor, newest) for floor, newest, *_ in [*sql("SELECT floor, newest FROM queue_epochs ORDER BY epoch")][:-1]
    )
