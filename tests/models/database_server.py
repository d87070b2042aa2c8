"""The database model, by its public name."""

from tests.models.database.server import DatabaseModel as DatabaseModel
