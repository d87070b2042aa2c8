"""Alembic's entry point: migrates the database that DB_DSN, or the file in DB_DSN_FILE, names, one runner at a time;
then makes what the tables of declared resources lack, gives the services' users their rights, and takes from them what
they need no more."""

import sys

import sqlalchemy as sa
from alembic import context

from holdfast.migrations import WARNING, declared, lock
from holdfast.privileges import database
from holdfast.shared.domain import registry
from holdfast.shared.faults import Fault
from holdfast.shared.runtime.read_settings import read
from holdfast.shared.runtime.settings import StoreSettings
from holdfast.shared.store.connections import KEPT
from holdfast.shared.store.engine import Timeouts, make_engine
from holdfast.shared.store.tables import metadata

_LOCK_WAIT_S = 60
#: Error numbers of a server when a right is revoked that was never granted.
_NO_SUCH_GRANT = (1141, 1147)


def run() -> None:
    """Upgrade under a lock, so that two deployments cannot interleave."""
    timeouts = Timeouts(checkout_s=5, connect_s=5, io_s=300, lock_wait_s=30)
    engine = make_engine(read(StoreSettings).db_dsn, timeouts, pool_size=2)
    with engine.connect() as guard, engine.connect() as connection:
        if not lock.take(guard, _LOCK_WAIT_S):
            raise SystemExit("another migration is running")
        connection.execution_options(**{KEPT: (Fault,)})  # the inspection asks for tables that may not exist
        context.configure(connection=connection, target_metadata=metadata)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
        if context.get_context().get_current_revision() == context.get_head_revision():
            _follow_declarations(connection)
            _warn_of_what_tables_lack(connection)
            _warn_of_what_is_declared_no_more(connection)
        _grant(connection)
    engine.dispose()


def _follow_declarations(connection: sa.Connection) -> None:
    """Make what declared resources lack. Raises SystemExit, with nothing made, if a declaration and its table do not
    fit."""
    try:
        for change in declared.changes(connection, declared.own()):
            connection.exec_driver_sql(_plain(change.up))
    except declared.RefusedError as refused:
        raise SystemExit(str(refused)) from None


def _warn_of_what_tables_lack(connection: sa.Connection) -> None:
    """Warn about columns that tables lack. Services that know such a column wait for it, as in an outage."""
    for resource in declared.shipped():
        try:
            lacking = [change.up for change in declared.changes(connection, [resource])]
        except declared.RefusedError as refused:
            lacking = str(refused).splitlines()
        if lacking:
            sys.stderr.write(
                f"{WARNING}the table {resource.plural} is not as declared: {'; '.join(lacking)}"
                " -> make migration NAME=... writes the revision\n"
            )


def _warn_of_what_is_declared_no_more(connection: sa.Connection) -> None:
    """Warn about tables that are no longer declared. A resource that was removed, or has another plural now, leaves its
    rows, and queued writes that no build knows."""
    inspector = sa.inspect(connection)
    others = set(inspector.get_table_names()).difference(registry.RESERVED, registry.domain().by_plural)
    for name in sorted(others):
        columns = {one["name"] for one in inspector.get_columns(name)}
        of_a_resource = {"id", "created_version", "deleted_version"} <= columns
        if of_a_resource and connection.execute(sa.select(sa.literal(1)).select_from(sa.table(name)).limit(1)).first():
            sys.stderr.write(
                f"{WARNING}the resource {name} is not declared any more: its rows stay in its table and are not "
                "served, and its writes that are not applied yet become dead letters (unknown resource)\n"
            )


def _grant(connection: sa.Connection) -> None:
    """Grant the services' rights, if this user may. Where all services share one user, there is nothing to divide."""
    name, _, host = str(connection.execute(sa.select(sa.func.current_user())).scalar()).rpartition("@")
    if name != database.user(database.MIGRATE, host).name:
        return
    resources = [resource.plural for resource in registry.domain().resources]
    for give, take in database.grants(sa.inspect(connection).get_table_names(), resources, host):
        if give:
            connection.exec_driver_sql(_plain(give))
        try:
            if take:
                connection.exec_driver_sql(_plain(take))
        except sa.exc.DBAPIError as error:
            if error.orig is None or error.orig.args[0] not in _NO_SUCH_GRANT:
                raise


def _plain(statement: str) -> str:
    """Escape `%`, which the driver takes for a placeholder."""
    return statement.replace("%", "%%")


run()
