"""Database: which service may do what with which table, as a table; and the statements that make it so.

A right that is not here is refused by the server, whatever a service is made to ask for. `audit_log` is append-only:
no service may change or delete a row of it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from holdfast.privileges.services import SERVICES, Service

SCHEMA = "holdfast"
#: Who makes the tables, owns them, and passes rights on.
MIGRATE = "migrate"
#: Who may look at the server's counters, and at nothing in the database.
WATCHER = "watcher"

Right = Literal["SELECT", "INSERT", "UPDATE", "DELETE"]
RIGHTS: tuple[Right, ...] = ("SELECT", "INSERT", "UPDATE", "DELETE")
_APPEND: frozenset[Right] = frozenset({"SELECT", "INSERT"})
_READ: frozenset[Right] = frozenset({"SELECT"})
_CHANGE: frozenset[Right] = frozenset({"SELECT", "INSERT", "UPDATE"})
_ALL: frozenset[Right] = frozenset(RIGHTS)

#: Of a letter, the api needs its state for `/operations/{id}`: neither the body nor its edits.
_LETTER = {"dead_letters": _READ}
#: What applying a write reads and changes, besides the entities' own tables.
_WRITES = {
    "operations": _APPEND, "released_values": _CHANGE, "operation_totals": _READ, "deleted_entities": _ALL,
}  # fmt: skip
#: Tables that apis of the build before read during an upgrade.
_BEFORE: Mapping[str, frozenset[Right]] = {"deleted_users": frozenset({"SELECT", "DELETE"})}

#: Who applies writes, for real or in a transaction that is rolled back.
_APPLYING: tuple[Service, ...] = ("api", "writer", "dlq_admin")

#: Besides the tables of entities.
TABLES: Mapping[Service, Mapping[str, frozenset[Right]]] = {
    "api": {**_WRITES, **_LETTER, **_BEFORE, "direct_keys": _ALL, "queue_epochs": _READ},
    "writer": _WRITES,
    "dlq_admin": {
        # A what-if makes the writes, in a transaction that is rolled back.
        **_WRITES,
        # It closes and purges.
        "operations": _ALL,
        "released_values": _ALL,
        "operation_totals": _CHANGE,
        "queue_epochs": _CHANGE,
        "dead_letters": _ALL,
        "dead_letter_bodies": _ALL,
        "dead_letter_groups": _CHANGE,
        "dead_letter_builds": _CHANGE,
        "dead_letter_trend": _CHANGE,
        "dead_letter_notes": _ALL,
        "dead_letter_dues": _ALL,
        "dead_letter_edits": _ALL,
        "dead_letter_transforms": _CHANGE,
        "dead_letter_actors": _CHANGE,
        "replays": _CHANGE,
        "replay_items": _CHANGE,
        "audit_log": _APPEND,
        "audit_letters": _APPEND,
        "audit_seals": _APPEND,
    },
    "external_proxy": {},
}

#: Rights to make and change tables. No user has TRIGGER and the like.
_DDL = ("CREATE", "ALTER", "DROP", "INDEX", "REFERENCES")
_WATCHER_CONNECTIONS_MAX = 3


@dataclass(frozen=True, slots=True)
class User:
    """A user of the database server, from wherever (`host` as MySQL has it: `%` is anywhere)."""

    name: str
    host: str

    def __str__(self) -> str:
        return f"'{self.name}'@'{self.host}'"


def user(service: str, host: str) -> User:
    """The user of a service, of `migrate` or of the `watcher`."""
    return User(f"{SCHEMA}_{service}", host)


def with_users() -> Sequence[str]:
    """Who has a user: the services with tables, and those two."""
    return [*(service for service in SERVICES if TABLES[service]), MIGRATE, WATCHER]


def users(passwords: Mapping[str, str], host: str) -> list[str]:
    """The statements that make the users or give them these passwords, for the server's administrator. Services may do
    nothing before `grants` were made, which needs the tables."""
    statements = []
    for service in with_users():
        limit = f" WITH MAX_USER_CONNECTIONS {_WATCHER_CONNECTIONS_MAX}" if service == WATCHER else ""
        login = f"{user(service, host)} IDENTIFIED BY {_quoted(passwords[service])}"
        statements += [f"CREATE USER IF NOT EXISTS {login}", f"ALTER USER {login}{limit}"]
    return [
        *statements,
        f"GRANT {', '.join((*RIGHTS, *_DDL))} ON {SCHEMA}.* TO {user(MIGRATE, host)} WITH GRANT OPTION",
    ]


def tables_of(service: Service, resources: Iterable[str]) -> Mapping[str, frozenset[Right]]:
    """The rights of a service, those on the tables of these resources (by their plural names) included. Old rows of
    entities are replaced, so they are deleted."""
    return {**TABLES[service], **(dict.fromkeys(resources, _ALL) if service in _APPLYING else {})}


def grants(tables: Sequence[str], resources: Collection[str], host: str) -> Iterator[tuple[str, str]]:
    """Per service and table: the statement that gives it its rights ('' for none), and the one that takes all others
    away, which fails where there never were any. In this order no service is without a right that it needs."""
    for service in SERVICES:
        if not TABLES[service]:
            continue
        for table in tables:
            wanted = tables_of(service, resources).get(table, frozenset())
            where, account = f"ON {SCHEMA}.`{table}`", user(service, host)
            others = [right for right in RIGHTS if right not in wanted]
            yield (
                f"GRANT {', '.join(right for right in RIGHTS if right in wanted)} {where} TO {account}"
                if wanted
                else "",
                f"REVOKE {', '.join(others)} {where} FROM {account}" if others else "",
            )


def _quoted(password: str) -> str:
    return "'" + password.replace("\\", "\\\\").replace("'", "''") + "'"
