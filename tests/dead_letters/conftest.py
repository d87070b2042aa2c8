"""An engine on the shared database, emptied."""

from collections.abc import Iterator

import pytest

from holdfast.shared.store.engine import Engine, make_engine
from tests.servers import PATIENT_DATABASE, Database


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """An engine as dlq_admin has one."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, pool_size=6)
    yield made
    made.dispose()
