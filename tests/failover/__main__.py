"""`make test-failover`: each fault on real groups of processes, and one table. ONLY= selects faults by a part of the
name.

Each module of faults has a table `FAULTS`, and is listed below.
"""

import sys
import tempfile
from pathlib import Path

from tests.failover import cluster_faults, database_faults, queue_faults
from tests.failover.table import Faults, Row, Skipped, table

ALL: Faults = {**queue_faults.FAULTS, **cluster_faults.FAULTS, **database_faults.FAULTS}


def main(only: str) -> int:
    """Run the faults and print the table. The exit code is 0 if every result is as the documents say."""
    rows: list[tuple[str, Row]] = []
    for name, fault in ALL.items():
        if only in name:
            try:
                with tempfile.TemporaryDirectory(prefix="failover-") as folder:
                    rows.append((name, fault(Path(folder))))
            except Skipped as skipped:
                print(f"{name}: skipped, {skipped}", flush=True)  # noqa: T201 - it is for this
            else:
                print(table(rows[-1:]).splitlines()[-1], flush=True)  # noqa: T201 - it is for this
    print(f"\n{table(rows)}")  # noqa: T201 - it is for this
    return 0 if rows and all(row.kept for _, row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
