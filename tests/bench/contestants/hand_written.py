"""The limit of applying: `python -m tests.bench.contestants.hand_written <writes> <first number>`.

JSON in memory -> PyMySQL multi-row inserts, 500 writes a transaction. No queue, no check, no retry.
"""

import sys

import orjson

from tests.bench.contestants.two_rows import (
    INSERT_OPERATION,
    INSERT_USER,
    connect,
    message,
    now,
    operation_row,
    user_row,
)

_BATCH = 500


def main() -> None:
    """Say `ready`, wait for a line, insert."""
    count, first = int(sys.argv[1]), int(sys.argv[2])
    backlog = [orjson.dumps(message(first + number)) for number in range(count)]
    with connect() as connection, connection.cursor() as cursor:
        print("ready", flush=True)  # noqa: T201 - the measurement waits for it
        sys.stdin.readline()
        for at in range(0, count, _BATCH):
            writes = [orjson.loads(raw) for raw in backlog[at : at + _BATCH]]
            cursor.executemany(INSERT_USER, [user_row(write) for write in writes])
            ended_at = now()
            cursor.executemany(INSERT_OPERATION, [operation_row(write, ended_at) for write in writes])
            connection.commit()


if __name__ == "__main__":
    main()
