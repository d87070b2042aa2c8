"""An engine on the shared database, emptied."""

from collections.abc import Iterator

import pytest

from holdfast.shared.store.engine import Engine, Timeouts, make_engine
from tests.servers import Database


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """As dlq_admin has one."""
    made = make_engine(clean_database.dsn, Timeouts(checkout_s=2, connect_s=2, io_s=20, lock_wait_s=5), pool_size=6)
    yield made
    made.dispose()
