"""`make test-failover`: each fault on real groups of processes, and one table. ONLY= a part of a fault's name.

A module of faults has a table `FAULTS`; it is named below.
"""

import sys
import tempfile
from pathlib import Path

from tests.conftest import empty, migrate
from tests.failover import queue_faults
from tests.failover.table import Faults, Row, table
from tests.servers import Database

ALL: Faults = {**queue_faults.FAULTS}


def main(only: str) -> int:
    """0: as the documents say."""
    rows: list[tuple[str, Row]] = []
    with tempfile.TemporaryDirectory(prefix="failover-") as root:
        place = Path(root) / "database"
        place.mkdir()
        database = Database(place)
        database.start()
        try:
            migrate(database.dsn)
            for number, (name, fault) in enumerate(ALL.items()):
                if only in name:
                    empty(database)
                    folder = Path(root) / str(number)
                    folder.mkdir()
                    rows.append((name, fault(database, folder)))
                    print(table(rows[-1:]).splitlines()[-1], flush=True)  # noqa: T201 - it is for this
        finally:
            database.kill()
    print(f"\n{table(rows)}")  # noqa: T201 - it is for this
    return 0 if rows and all(row.kept for _, row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
