"""`make test-upgrade`: from the previous release to this build and back, in both orders, on processes under traffic."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers import Database, RedisServer
from tests.upgrade import previous
from tests.upgrade.rolling import Kind, Verdict, rolling, say

ORDERS: Mapping[str, Sequence[Kind]] = {
    "writers first": ("writer", "api", "dlq_admin"),
    "apis first": ("api", "writer", "dlq_admin"),
}
_HEADS = (
    "order",
    "requests",
    "failed",
    "drained",
    "killed",
    "acknowledged",
    "lost",
    "doubled",
    "wrong",
    "dead",
    "missing",
)


def main(only: str) -> int:
    """Run each order whose name contains `only`. The exit code is 0 if the promises were kept in all of them."""
    print(f"From {previous.name()} to this build, and back.", flush=True)  # noqa: T201 - it is for this
    verdicts = {order: _run(kinds) for order, kinds in ORDERS.items() if only in order}
    for line in [_HEADS, tuple("---" for _ in _HEADS), *(_row(order, one) for order, one in verdicts.items())]:
        print(f"| {' | '.join(line)} |")  # noqa: T201
    for verdict in verdicts.values():
        for what in [*verdict.failed, *verdict.refused][:20]:
            print(f"- {what}")  # noqa: T201
    return 0 if verdicts and all(verdict.kept for verdict in verdicts.values()) else 1


def _run(order: Sequence[Kind]) -> Verdict:
    say(", then ".join(order))
    with tempfile.TemporaryDirectory(prefix="upgrade-") as root:
        folders = [Path(root) / name for name in ("redis", "database", "services")]
        for folder in folders:
            folder.mkdir()
        redis, database = RedisServer(folders[0]), Database(folders[1])
        try:
            redis.start()
            database.start()
            return rolling(folders[2], redis, database, order)
        finally:
            redis.kill()
            database.kill()


def _row(order: str, one: Verdict) -> tuple[str, ...]:
    numbers = (
        one.requests, len(one.failed) + len(one.refused), one.drained, one.killed, one.acknowledged, one.lost,
        one.doubled, one.wrong, one.dead, one.missing,
    )  # fmt: skip
    return (order, *(f"{number:,}" for number in numbers))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
