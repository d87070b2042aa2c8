"""Migrations: rows that earlier builds wrote are correct after an upgrade."""

import pymysql
import pytest

from holdfast.shared.domain.registry import RESERVED, domain
from holdfast.shared.store.closing import close
from holdfast.shared.store.counts import operation_counts
from holdfast.shared.store.engine import make_engine
from tests.conftest import migrate
from tests.migrations.conftest import SCHEMA, Schema
from tests.servers import PATIENT_DATABASE, Database

_ID = "00000000-0000-4000-8000-00000000000{}"
#: id, email, key by the rule of the earlier build, key now
_USERS = (
    (_ID.format(1), "Ann@Example.com", "ann@example.com", "ann@example.com"),
    (_ID.format(2), "info@straße.example", "info@strasse.example", "info@xn--strae-oqa.example"),
    (_ID.format(3), "Groß@x.example", "gross@x.example", "groß@x.example"),
    (_ID.format(4), "é@bücher.example", "é@bücher.example", "é@xn--bcher-kva.example"),
)  # fmt: skip


def test_addresses_get_their_new_keys(schema: Schema) -> None:
    """Keys that do not distinguish `ß` and `ss` are computed again from the address; other keys stay."""
    migrate(schema.dsn, to="0003")
    with schema.database.connect(user="root", database=SCHEMA) as connection, connection.cursor() as cursor:
        for id, email, old, _ in _USERS:
            cursor.execute("INSERT INTO users VALUES (%s, 'x', 1, %s, %s, 1, 1, 0)", (id, email, old))
        cursor.execute("INSERT INTO users VALUES ('gone', '', 1, '', NULL, 1, 1, 2)")
        cursor.execute("INSERT INTO email_releases VALUES ('é@bücher.example', 'gone', 7)")
        migrate(schema.dsn)
        cursor.execute("SELECT id, email_key FROM users WHERE email_key IS NOT NULL ORDER BY id")
        assert list(cursor.fetchall()) == [(id, new) for id, _, _, new in _USERS]
        cursor.execute("SELECT version FROM released_values WHERE claim_key = 'é@xn--bcher-kva.example'")
        assert cursor.fetchone() == (7,)


def test_operations_of_before_are_counted_in_steps(schema: Schema) -> None:
    """After the upgrade, all earlier operations are counted, including removed ones, in several steps; a downgrade
    restores the earlier counts."""
    migrate(schema.dsn, to="0005")
    with schema.database.connect(user="root", database=SCHEMA) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO operations VALUES (%s, 'u', 'CreateUser', %s, %s, 0, NULL, NULL, %s, NOW(6))",
            [(f"op-{at}", at, "rejected" if at % 5 == 0 else "applied", None if at % 4 == 0 else "1-1")
             for at in range(1, 41)],
        )  # fmt: skip
        cursor.execute("INSERT INTO operations_reaped VALUES ('applied', 7)")
        migrate(schema.dsn)
        engine = make_engine(schema.dsn, PATIENT_DATABASE, 1)
        counts = operation_counts(engine, 100)
        assert (counts.applied, counts.rejected, counts.direct, counts.open, counts.kept) == (39, 8, 10, 40, 40)
        steps = 0
        while close(engine, 100, 9):
            steps += 1
        after = operation_counts(engine, 100)
        engine.dispose()
        assert (steps, after.applied, after.rejected, after.direct, after.open, after.kept) == (5, 39, 8, 10, 0, 40)
        migrate(schema.dsn, to="0005", how="downgrade")
        cursor.execute("SELECT effect, operations FROM operations_reaped ORDER BY effect")
        assert list(cursor.fetchall()) == [("applied", 7), ("rejected", 0)]


def test_rows_of_before_are_of_users(schema: Schema) -> None:
    """Rows of an earlier build belong to the resource `users` after the upgrade and can still be read by their earlier
    names; a downgrade restores them."""
    migrate(schema.dsn, to="0008")
    with schema.database.connect(user="root", database=SCHEMA) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO operations (operation_id, user_id, command, version, effect, user_version, ended_at)"
            " VALUES ('op', 'ann', 'CreateUser', 5, 'applied', 5, NOW(6))"
        )
        cursor.execute("INSERT INTO email_releases VALUES ('ann@example.com', 'ann', 7)")
        cursor.execute("INSERT INTO deleted_users VALUES ('ann', '2026-01-01')")
        cursor.execute("INSERT INTO direct_keys VALUES ('k', 'b', 'op', 'ann', 5)")
        migrate(schema.dsn)
        for table, row in (
            ("SELECT resource, entity_id, command, entity_version, user_id, user_version FROM operations",
             ("users", "ann", "CreateUser", 5, "ann", 5)),
            ("SELECT claims, claim_key, entity_id, version FROM released_values",
             ("emails", "ann@example.com", "ann", 7)),
            ("SELECT resource, entity_id, YEAR(deleted_at) FROM deleted_entities", ("users", "ann", 2026)),
            ("SELECT user_id FROM deleted_users", ("ann",)),
            ("SELECT resource, entity_id FROM direct_keys", ("users", "ann")),
        ):  # fmt: skip
            cursor.execute(table)
            assert cursor.fetchall() == (row,), table
        cursor.execute("INSERT INTO deleted_entities VALUES ('users', 'bob', '2026-01-02'), ('articles', 'a', NOW(6))")
        cursor.execute("INSERT INTO released_values VALUES ('articles.slug', 'on-failing', 'a', 8)")
        migrate(schema.dsn, to="0008", how="downgrade")
        for table, rows in (
            ("SELECT user_id, user_version FROM operations", (("ann", 5),)),
            ("SELECT * FROM email_releases", (("ann@example.com", "ann", 7),)),
            ("SELECT user_id FROM deleted_users ORDER BY user_id", (("ann",), ("bob",))),
        ):
            cursor.execute(table)
            assert cursor.fetchall() == rows, table


def test_a_writer_of_the_build_before_can_end_no_operation(schema: Schema) -> None:
    """After the upgrade, a writer of the earlier build cannot insert an operation, not even its control write, so it
    holds."""
    migrate(schema.dsn)
    with pytest.raises(pymysql.MySQLError):
        schema.rows(
            "INSERT INTO operations (operation_id, user_id, command, version, effect, user_version, ended_at)"
            " VALUES ('op', 'ann', 'CreateUser', 5, 'applied', 5, NOW(6))"
        )


def test_no_resource_may_have_the_name_of_a_table_of_ours(database: Database) -> None:
    """Every table that the migrations create belongs to a declared resource, or its name is reserved."""
    query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'holdfast'"
    with database.connect(user="root") as connection, connection.cursor() as cursor:
        cursor.execute(query)
        assert {name for (name,) in cursor.fetchall()} - set(domain().by_plural) <= RESERVED


@pytest.mark.parametrize("done", [(), ("ADD KEY users_listed (deleted_version, created_version)",)], ids=str)
def test_an_index_that_was_half_replaced_is_replaced(schema: Schema, done: tuple[str, ...]) -> None:
    """If a connection is lost between the two steps of replacing an index and both indexes exist, the next run
    completes the replacement. A downgrade reverses it."""
    migrate(schema.dsn, to="0010")
    for step in done:
        schema.rows(f"ALTER TABLE users {step}")
    for to, how, name in (("head", "upgrade", "users_listed"), ("0010", "downgrade", "users_created_version")):
        migrate(schema.dsn, to=to, how=how)
        names = {row[2] for row in schema.rows("SHOW INDEX FROM users")}
        assert names == {"PRIMARY", "users_email_key", name}
