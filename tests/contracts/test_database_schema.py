"""The schema of the database model."""

from pathlib import Path

from tests.contracts.schema import shown
from tests.models.database import schema
from tests.servers import Database


def test_schema(database: Database) -> None:
    """The model has the tables that deploy/migrations makes."""
    kept = Path(schema.__file__).with_name("schema.sql").read_text()
    with database.connect() as connection:
        there = shown(connection)
    assert schema.read(there) == schema.read(kept), "run python -m tests.contracts.schema, see there"
