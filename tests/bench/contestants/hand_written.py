"""The limit of applying: `python -m tests.bench.contestants.hand_written <writes> <first number>`.

Inserts JSON from memory with PyMySQL's multi-row inserts, 500 writes per transaction. There is no queue, no check and
no retry.
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
    """Print `ready`, wait for a line on standard input, and insert."""
    count, first = int(sys.argv[1]), int(sys.argv[2])
    backlog = [orjson.dumps(message(first + number)) for number in range(count)]
    with connect() as connection, connection.cursor() as cursor:
        print("ready", flush=True)  # noqa: T201 - the benchmark waits for this line
        sys.stdin.readline()
        for at in range(0, count, _BATCH):
            writes = [orjson.loads(raw) for raw in backlog[at : at + _BATCH]]
            cursor.executemany(INSERT_USER, [user_row(write) for write in writes])
            ended_at = now()
            cursor.executemany(INSERT_OPERATION, [operation_row(write, ended_at) for write in writes])
            connection.commit()


if __name__ == "__main__":
    main()
