"""`python -m holdfast.migrations`: bring the database of DB_DSN to the newest schema. `... check`: whether the
declared resources fit their tables there; changes nothing. `... revision NAME`: write the revision that the resources
which Holdfast comes with need since the last one, by looking at that database.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from alembic.config import main as alembic

from holdfast.migrations import declared
from holdfast.migrations.declared import Change
from holdfast.shared.domain import DEFAULT, registry
from holdfast.shared.domain.resource import ResourceType
from holdfast.shared.faults import Fault
from holdfast.shared.runtime.read_settings import read
from holdfast.shared.runtime.settings import StoreSettings
from holdfast.shared.store.connections import KEPT
from holdfast.shared.store.engine import Timeouts, make_engine

_HERE = Path(__file__).parent
VERSIONS = _HERE / "versions"


def main(arguments: list[str]) -> int:
    """Run the command, and return the exit code: 2 if the arguments were not understood."""
    match arguments:
        case []:
            alembic(["-c", str(_HERE / "alembic.ini"), "upgrade", "head"])
            return 0
        case ["check"]:
            _needed(declared.own())
            return 0
        case ["revision", name] if name.isidentifier():
            return _revision(name)
        case _:
            sys.stderr.write(__doc__ or "")
            return 2


def _needed(resources: Iterable[ResourceType]) -> list[Change]:
    """Return what the tables of declared resources lack. Raises SystemExit if one does not fit."""
    engine = make_engine(
        read(StoreSettings).db_dsn, Timeouts(checkout_s=5, connect_s=5, io_s=60, lock_wait_s=30), pool_size=1
    )
    with engine.connect() as connection:
        connection.execution_options(**{KEPT: (Fault,)})  # the inspection asks for tables that may not exist
        try:
            return declared.changes(connection, resources)
        except declared.RefusedError as refused:
            raise SystemExit(str(refused)) from None
        finally:
            engine.dispose()


def _revision(name: str) -> int:
    found = _needed(registry.load(DEFAULT).resources)
    if not found:
        sys.stdout.write("the database has all that is declared\n")
        return 0
    newest = max(int(path.stem.partition("_")[0]) for path in VERSIONS.glob("[0-9]*.py"))
    path = VERSIONS / f"{newest + 1:04d}_{name}.py"
    path.write_text(source(name, newest, found))
    sys.stdout.write(f"{path}\n")
    return 0


def source(name: str, before: int, found: Iterable[Change]) -> str:
    """Return the text of a revision."""
    found = list(found)
    up = [f"    op.execute({_escaped(change.up)!r})" for change in found]
    down = [f"    op.execute({_escaped(change.down)!r})" for change in reversed(found) if change.down]
    return "\n".join(
        [
            f'"""{name.replace("_", " ").capitalize()}."""',
            "",
            "from alembic import op",
            "",
            f'revision = "{before + 1:04d}"',
            f'down_revision = "{before:04d}"',
            "",
            "",
            "def upgrade() -> None:",
            *up,
            "",
            "",
            "def downgrade() -> None:",
            *(down or ["    pass"]),
            "",
        ]
    )


def _escaped(statement: str) -> str:
    """Escape `:name`, which Alembic takes for a parameter."""
    return statement.replace(":", r"\:")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
