"""Statements have the same meaning in every session, whatever the server's own settings are."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.shared.store.engine import Timeouts, make_engine
from tests.database_faults import as_root
from tests.integration.conftest import StartWriter
from tests.servers import Database, wait_until
from tests.stream import Stream, change, new_user

#: For each variable, a value under which statements have another meaning, and its initial value.
_TURNED = {
    "sql_select_limit": ("1", "18446744073709551615"), "sql_safe_updates": ("1", "0"), "unique_checks": ("0", "1"),
    "sql_big_selects": ("0", "1"), "max_join_size": ("1", "18446744073709551615"), "sql_auto_is_null": ("1", "0"),
    "completion_type": ("1", "0"), "foreign_key_checks": ("0", "1"), "autocommit": ("0", "1"),
    "sql_mode": ("'ANSI_QUOTES'", "DEFAULT"), "time_zone": ("'+05:00'", "'SYSTEM'"),
    "tx_isolation": ("'SERIALIZABLE'", "'REPEATABLE-READ'"),
}  # fmt: skip


@contextmanager
def turned(own_database: Database) -> Iterator[None]:
    """Apply all the changed settings to the server, and restore them afterwards."""
    names = random.sample(sorted(_TURNED), len(_TURNED))
    for name in names:
        as_root(own_database, f"SET GLOBAL {name} = {_TURNED[name][0]}")
    yield
    for name in names:
        as_root(own_database, f"SET GLOBAL {name} = {_TURNED[name][1]}")


def test_the_servers_settings_are_not_ours(own_database: Database) -> None:
    """A session overrides every server setting that could truncate results or change the meaning of a statement."""
    engine = make_engine(own_database.dsn, Timeouts(checkout_s=2, connect_s=2, io_s=10, lock_wait_s=2), pool_size=1)
    with turned(own_database), engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3").all()
    engine.dispose()
    assert len(found) == 3


def test_writes_take_effect_whatever_the_servers_settings_are(
    stream: Stream, own_database: Database, start_writer: StartWriter
) -> None:
    """Creates and changes of many users in one batch are all applied under the changed settings, and none is refused
    because its user was not found."""
    users = [new_user() for _ in range(10)]
    changes = [change(user.entity_id, name=f"{number}") for user in users for number in range(3)]
    stream.accept([*users, *changes])
    with turned(own_database):
        start_writer()
        wait_until(lambda: stream.backlog() == 0, what="the end of the stream")
    stream.wait_for_end([*users, *changes])
    assert stream.dead() == []
