"""The rows that one write puts into the database, written by hand: the user's and the operation's."""

import os
import uuid
from datetime import UTC, datetime
from typing import Any

import pymysql

from holdfast.shared.connections.address import parse_dsn
from holdfast.shared.writes.versions import wall_clock

INSERT_USER = (
    "INSERT INTO users (id, name, name_version, email, email_key, email_version, created_version, deleted_version)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)
#: All values are placeholders: PyMySQL sends a statement with a literal among its values row by row.
INSERT_OPERATION = (
    "INSERT INTO operations"
    " (operation_id, resource, entity_id, command, version, effect, entity_version, rejection, body_hash, entry_id,"
    " ended_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


def message(number: int) -> dict[str, Any]:
    """Return the write of user `number` as it goes through a queue. Ids are random, like those that come from an
    Idempotency-Key."""
    return {
        "operation_id": str(uuid.uuid4()),
        "user_id": str(uuid.uuid4()),
        "name": f"User backlog {number:09d}",
        "email": f"user.backlog.{number:09d}@mail{number % 50:02d}.example.com",
        "version": wall_clock(),
    }


def user_row(write: dict[str, Any]) -> tuple[Any, ...]:
    """Return the values for INSERT_USER."""
    version, email = write["version"], write["email"]
    return (write["user_id"], write["name"], version, email, email.casefold(), version, version, 0)


def operation_row(write: dict[str, Any], ended_at: datetime) -> tuple[Any, ...]:
    """Return the values for INSERT_OPERATION."""
    version = write["version"]
    return (
        write["operation_id"], "users", write["user_id"], "CreateUser", version, "applied", version, None, "0" * 64,
        f"{version // 1000}-{version % 1000}", ended_at,
    )  # fmt: skip


def now() -> datetime:
    """Return the time for `ended_at`, in UTC without a time zone, as the column stores it."""
    return datetime.now(UTC).replace(tzinfo=None)


def connect() -> "pymysql.Connection[pymysql.cursors.Cursor]":
    """Connect to the database that DB_DSN names. The caller commits."""
    url = parse_dsn(os.environ["DB_DSN"])
    return pymysql.connect(
        host=url.host, port=url.port, user=url.user, password=url.password or "", database=url.database,
        charset="utf8mb4", autocommit=False,
    )  # fmt: skip


def insert(connection: "pymysql.Connection[pymysql.cursors.Cursor]", write: dict[str, Any]) -> None:
    """Insert both rows of one write in one transaction."""
    with connection.cursor() as cursor:
        cursor.execute(INSERT_USER, user_row(write))
        cursor.execute(INSERT_OPERATION, operation_row(write, now()))
    connection.commit()
