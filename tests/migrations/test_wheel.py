"""An installation from the wheel alone can migrate."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from deploy.release.release import build
from tests.conftest import ROOT
from tests.migrations.conftest import Schema
from tests.servers import START_DEADLINE_S

_BOOKS = """
from typing import Annotated
from holdfast.shared.domain.field_types import Slug
from holdfast.shared.domain.resource import Resource

class Book(Resource, plural="books"):
    mark: Annotated[str, Slug()]
"""


def test_the_wheel_makes_the_tables(schema: Schema, tmp_path: Path) -> None:
    """The installed wheel, without the checkout, creates its own tables and those of a resource that is declared beside
    it."""
    site = tmp_path / "site"
    with zipfile.ZipFile(build(ROOT, tmp_path / "dist")) as wheel:
        wheel.extractall(site)
    (tmp_path / "library.py").write_text(_BOOKS)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "DB_DSN": schema.dsn, "HOLDFAST_DOMAIN": "library", "PYTHONPATH": f"{site}:{tmp_path}",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "holdfast.migrations"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=START_DEADLINE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    tables = {name for (name,) in schema.rows("SHOW TABLES")}
    assert {"books", "users", "operations", "dead_letters"} <= tables
