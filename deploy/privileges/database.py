"""Database: which service may do what with which table, as a table; and the statements that make it so.

A right that is not here is refused by the server, whatever a service is made to ask for. `audit_log` is append-only:
no service may change or delete a row of it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from holdfast.privileges.services import SERVICES, Service

SCHEMA = "holdfast"
#: The user that makes the tables, owns them, and grants rights on them.
MIGRATE = "migrate"
#: The user that may read the server's counters, and nothing in the database.
WATCHER = "watcher"

Right = Literal["SELECT", "INSERT", "UPDATE", "DELETE"]
RIGHTS: tuple[Right, ...] = ("SELECT", "INSERT", "UPDATE", "DELETE")
_APPEND: frozenset[Right] = frozenset({"SELECT", "INSERT"})
_READ: frozenset[Right] = frozenset({"SELECT"})
_CHANGE: frozenset[Right] = frozenset({"SELECT", "INSERT", "UPDATE"})
_ALL: frozenset[Right] = frozenset(RIGHTS)

#: Columns of dead letters that the api needs for `/operations/{id}`: the state, neither the body nor its edits.
_LETTER = {"dead_letters": _READ}
#: What applying a write reads and changes, in addition to the entities' own tables.
_WRITES = {
    "operations": _APPEND, "released_values": _CHANGE, "operation_totals": _READ, "deleted_entities": _ALL,
}  # fmt: skip
#: Tables that apis of the previous build read during an upgrade.
_BEFORE: Mapping[str, frozenset[Right]] = {"deleted_users": frozenset({"SELECT", "DELETE"})}

#: Services that apply writes, for real or in a transaction that is rolled back.
_APPLYING: tuple[Service, ...] = ("api", "writer", "dlq_admin")

#: Rights on tables other than those of entities.
TABLES: Mapping[Service, Mapping[str, frozenset[Right]]] = {
    "api": {**_WRITES, **_LETTER, **_BEFORE, "direct_keys": _ALL, "queue_epochs": _READ},
    "writer": _WRITES,
    "dlq_admin": {
        # A what-if makes the writes in a transaction that is rolled back.
        **_WRITES,
        # dlq_admin closes and purges.
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

#: Rights to make and change tables. No user has TRIGGER or similar rights.
_DDL = ("CREATE", "ALTER", "DROP", "INDEX", "REFERENCES")
_WATCHER_CONNECTIONS_MAX = 3


@dataclass(frozen=True, slots=True)
class User:
    """A user of the database server. `host`: as in MySQL, where `%` is any host."""

    name: str
    host: str

    def __str__(self) -> str:
        return f"'{self.name}'@'{self.host}'"


def user(service: str, host: str) -> User:
    """Return the user of a service, of `migrate` or of the `watcher`."""
    return User(f"{SCHEMA}_{service}", host)


def with_users() -> Sequence[str]:
    """Return who has a user: the services with tables, `migrate` and the `watcher`."""
    return [*(service for service in SERVICES if TABLES[service]), MIGRATE, WATCHER]


def users(passwords: Mapping[str, str], host: str) -> list[str]:
    """Return the statements, for the server's administrator, that make the users or set their passwords. Services have
    no rights until `grants` were run, which need the tables."""
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
    """Return a service's rights on tables, including those of these resources (by their plural names). Old rows of
    entities are replaced, so they are deleted."""
    return {**TABLES[service], **(dict.fromkeys(resources, _ALL) if service in _APPLYING else {})}


def grants(tables: Sequence[str], resources: Collection[str], host: str) -> Iterator[tuple[str, str]]:
    """Return, per service and table, the statement that grants its rights ('' for none), and the one that revokes all
    others, which fails if there never were any. In this order no service ever lacks a right that it needs."""
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
