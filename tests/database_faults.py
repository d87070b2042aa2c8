"""Faults of a database that is running. Each fault is put in place and removed again. When it begins, all connections
of services are ended, as they are when a server restarts or fails over."""

import contextlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pymysql

from tests.servers import PASSWORD, Database

#: The accounts of the services, whose rights are on single tables.
_HOST = "127.0.0.%"
_EACH = [f"'holdfast_{service}'@'{_HOST}'" for service in ("api", "writer", "dlq_admin")]
_USERS = ", ".join(_EACH)


def _identified_by(password: str) -> str:
    return "ALTER USER " + ", ".join(f"{user} IDENTIFIED BY '{password}'" for user in _EACH)


@dataclass(frozen=True)
class DatabaseFault:
    """A fault that SQL statements put in place and remove. `reads`: whether reads still work."""

    name: str
    begin: str
    end: str
    reads: bool = True

    def for_users_at(self, host: str) -> "DatabaseFault":
        """Return the same fault for services' accounts at `host`."""
        return replace(self, begin=self.begin.replace(_HOST, host), end=self.end.replace(_HOST, host))

    @contextmanager
    def on(self, database: Database) -> Iterator[None]:
        """Keep the fault in place while the block runs."""
        as_root(database, self.begin)
        end_connections(database)
        try:
            yield
        finally:
            as_root(database, self.end)


#: Faults of the server, of the access to it and of the schema.
KNOWN = (
    DatabaseFault("read-only", "SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0"),
    DatabaseFault("read-only transactions", "SET GLOBAL tx_read_only = 1", "SET GLOBAL tx_read_only = 0"),
    DatabaseFault(
        "expired password", f"ALTER USER {_USERS} PASSWORD EXPIRE", _identified_by(PASSWORD), reads=False,
    ),
    DatabaseFault(
        "locked account", f"ALTER USER {_USERS} ACCOUNT LOCK", f"ALTER USER {_USERS} ACCOUNT UNLOCK", reads=False
    ),
    DatabaseFault(
        "another password", _identified_by("another"), _identified_by(PASSWORD), reads=False,
    ),
    DatabaseFault(
        "no right to insert", f"REVOKE INSERT ON holdfast.operations FROM {_USERS}",
        f"GRANT INSERT ON holdfast.operations TO {_USERS}",
    ),
    DatabaseFault(
        "no right to delete", f"REVOKE DELETE ON holdfast.users FROM {_USERS}",
        f"GRANT DELETE ON holdfast.users TO {_USERS}",
    ),
    DatabaseFault(
        "a missing column", "ALTER TABLE holdfast.users RENAME COLUMN name TO called",
        "ALTER TABLE holdfast.users RENAME COLUMN called TO name", reads=False,
    ),
    DatabaseFault(
        "a new column without a value", "ALTER TABLE holdfast.users ADD COLUMN extra INT NOT NULL",
        "ALTER TABLE holdfast.users DROP COLUMN extra",
    ),
    DatabaseFault(
        "a missing index", "ALTER TABLE holdfast.users DROP INDEX users_email_key",
        "ALTER TABLE holdfast.users ADD UNIQUE INDEX users_email_key (email_key)",
    ),
    DatabaseFault(
        "a missing table", "RENAME TABLE holdfast.operations TO holdfast.elsewhere",
        "RENAME TABLE holdfast.elsewhere TO holdfast.operations",
    ),
)  # fmt: skip


def refusing(table: str, number: int, condition: str = "TRUE") -> DatabaseFault:
    """Return the fault that refuses, with this error number, every inserted row of a table for which `condition`
    holds."""
    trigger = (
        f"CREATE TRIGGER holdfast.refusing BEFORE INSERT ON holdfast.{table} FOR EACH ROW IF {condition} THEN"
        f" SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'refused by a trigger'; END IF"
    )
    return DatabaseFault(f"{table} refused with {number}", trigger, "DROP TRIGGER holdfast.refusing")


def any_number() -> int:
    """Return a random error number, but none of the three that stand for contention, which is no fault."""
    return random.choice([number for number in range(1000, 65_000) if number not in {1062, 1205, 1213}])


def as_root(database: Database, statement: str) -> None:
    """Run one statement as root."""
    with database.connect(user="root", database=None) as connection, connection.cursor() as cursor:
        cursor.execute("SET lock_wait_timeout = 20")
        cursor.execute(statement)


def end_connections(database: Database) -> None:
    """End the connections of all services."""
    with database.connect(user="root", database=None) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE user LIKE 'holdfast%'")
        for (id,) in cursor.fetchall():
            with contextlib.suppress(pymysql.err.OperationalError):  # it ended meanwhile
                cursor.execute(f"KILL {id}")
