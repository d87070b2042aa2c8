"""`python -m tests.contracts.schema DSN > tests/models/database/schema.sql`: writes the tables of a migrated database,
for the model."""

import re
import sys
from typing import Any

import pymysql

from holdfast.shared.connections.address import parse_dsn

_HEAD = """-- What deploy/migrations makes, as MariaDB shows it. The contract suite compares it with a real server.
-- Written by python -m tests.contracts.schema DSN
"""


def shown(connection: Any) -> str:
    """Return the definition of each table as the server shows it, without table options."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        names = [name for (name,) in cursor.fetchall() if name not in ("alembic_version", "migration_lock")]
        parts = []
        for name in sorted(names):
            cursor.execute(f"SHOW CREATE TABLE `{name}`")
            parts.append(re.sub(r"\n\) ENGINE=.*", "\n);\n", cursor.fetchone()[1]))
    return _HEAD + "".join(parts)


if __name__ == "__main__":
    where = parse_dsn(sys.argv[1])
    with pymysql.connect(
        host=where.host, port=where.port, user=where.user, password=where.password or "", database=where.database
    ) as made:
        sys.stdout.write(shown(made))
