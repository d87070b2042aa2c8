"""A resource that is no longer declared."""

import os
from pathlib import Path

from tests.conftest import MIGRATE
from tests.migrations.conftest import Schema
from tests.servers import START_DEADLINE_S
from tests.warm import Warm

_SHOP = """
from typing import Annotated
from holdfast.shared.domain.field_types import Slug
from holdfast.shared.domain.resource import Resource

class Order(Resource, plural="{plural}"):
    number: Annotated[str, Slug()]
"""


def test_rows_without_a_resource_are_named(schema: Schema, tmp_path: Path) -> None:
    """If a resource is renamed or removed, the migration warns as long as its table has rows, and only then."""

    def upgraded(plural: str) -> str:
        (tmp_path / f"shop_{plural}.py").write_text(_SHOP.format(plural=plural))
        environment = os.environ | {
            "DB_DSN": schema.dsn, "HOLDFAST_DOMAIN": f"shop_{plural}", "PYTHONPATH": str(tmp_path),
        }  # fmt: skip
        done = Warm.of(MIGRATE).run("holdfast.migrations", [], environment, START_DEADLINE_S)
        assert done.returncode == 0, done.stderr
        return "".join(line for line in done.stderr.splitlines() if line.startswith("warning: "))

    assert upgraded("orders") == ""
    assert upgraded("purchases") == ""
    schema.rows("INSERT INTO orders VALUES ('one', 'o-1', 5, 5, 0)")
    assert upgraded("purchases").startswith("warning: the resource orders is not declared any more")
    assert upgraded("orders") == ""
