"""Alembic's entry point: migrates the database that DB_DSN, or the file in DB_DSN_FILE, names, one runner at a time."""

import sqlalchemy as sa
from alembic import context

from shared.faults import Fault
from shared.settings import StoreSettings
from shared.store.connections import KEPT
from shared.store.engine import Timeouts, make_engine
from shared.store.tables import metadata

_LOCK = "holdfast_migrations"
_LOCK_WAIT_S = 60


def run() -> None:
    """Upgrade under a server-side lock, so that two deploys cannot interleave."""
    timeouts = Timeouts(checkout_s=5, connect_s=5, io_s=300, lock_wait_s=30)
    engine = make_engine(StoreSettings().db_dsn, timeouts, pool_size=2)
    with engine.connect() as guard, engine.connect() as connection:
        if guard.execute(sa.select(sa.func.get_lock(_LOCK, _LOCK_WAIT_S))).scalar() != 1:
            raise SystemExit("another migration is running")
        connection.execution_options(**{KEPT: (Fault,)})  # it asks for tables that may not be there
        context.configure(connection=connection, target_metadata=metadata)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


run()
