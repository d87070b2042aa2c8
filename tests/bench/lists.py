"""`python -m tests.bench.lists`: pages at the start, in the middle and at the end of many entities, and across
tombstones; beside the query and the index that listed them before."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import sqlalchemy as sa

from deploy.client.samples import Percentiles, percentiles
from holdfast.shared.letters.retention import history, tombstones
from holdfast.shared.store import reads
from holdfast.shared.store.engine import Engine, Timeouts, make_engine
from holdfast.shared.store.tables import table_of
from holdfast.shared.writes.versions import wall_clock
from tests.bench import machine, page
from tests.bench.process import cpu_s
from tests.bench.table import Part, Row, as_text
from tests.conftest import migrate
from tests.servers import Database
from tests.users import USERS

AIM_P99_MS = 20.0
_ROUNDS, _PAGES, _BEFORE_PAGES, _LIMIT = 3, 300, 5, 51
_CHUNK = 100_000
_DAY_US = 86_400_000_000
_FILL = sa.text("""
    INSERT INTO users (id, name, name_version, email, email_key, email_version, created_version, deleted_version)
    SELECT UUID(), IF(:gone, '', 'Ada Lovelace'), :began + n, IF(:gone, '', CONCAT(n + :first, '@example.com')),
           IF(:gone, NULL, CONCAT(n + :first, '@example.com')), :began + n, :began + n, IF(:gone, :began + n + 1, 0)
    FROM bench_numbers WHERE n < :count
""")
_NEWEST = sa.text("""
    INSERT INTO operations (operation_id, resource, entity_id, command, version, effect, entity_version, ended_at)
    VALUES ('newest', 'users', 'heartbeat', 'Heartbeat', :version, 'applied', 0, UTC_TIMESTAMP())
""")
_HOW = (
    "Users are loaded into an empty MariaDB (buffer pool of 256 MB): half of those that stay, then the tombstones, then"
    " the other half, so that one page has all tombstones before its rows.",
    f"A page is `reads.page` with {_LIMIT} rows, its connection and the making of entities included; {_PAGES} at each"
    f" place in each of {_ROUNDS} rounds, each after another entity near that place.",
    "Rows that the server read (`Handler_read%`) and processor time do not depend on what else the machine does.",
    "Before: the query without the index that holds live rows only, and with an index on `created_version`.",
)


def main() -> None:
    """Measure and print, and write a page if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.lists", description=__doc__)
    parser.add_argument("--entities", type=int, default=1_000_000)
    parser.add_argument("--tombstones", type=int, default=300_000)
    parser.add_argument("--out", type=Path, help="write the page here")
    options = parser.parse_args()
    about = machine.describe(range(os.cpu_count() or 1))
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        parts, verdicts, raw = _run(Path(folder), options.entities, options.tombstones)
    _say("\n" + as_text(parts) + "\n\n" + "\n".join(verdicts))
    if options.out:
        command = f"python -m tests.bench.lists {' '.join(sys.argv[1:])}"
        page.write(options.out, "Lists, measured", parts, verdicts, about, _HOW, command, raw)


def _run(folder: Path, entities: int, gone: int) -> tuple[list[Part], list[str], Mapping[str, object]]:
    database = Database(folder)
    try:
        database.start()
        migrate(database.dsn)
        engine = make_engine(database.dsn, Timeouts(5, 5, 3600, 50), 1)
        began = wall_clock() - 400 * _DAY_US
        _load(engine, began, entities, gone)
        half = entities // 2
        places = {
            "start": began - 1, "middle": began + half // 2, "before the tombstones": began + half - 2,
            "end": began + entities + gone - _LIMIT - _PAGES - 1,
        }  # fmt: skip
        now = {name: [_timed(engine, at, reads.page, _PAGES) for _ in range(_ROUNDS)] for name, at in places.items()}
        touched = {name: _touched(engine, at) for name, at in places.items()}
        spent = {name: _spent(engine, database.pid, at) for name, at in places.items()}
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE INDEX users_created_version ON users (created_version)"))
        before = {name: [_timed(engine, at, _as_before, _BEFORE_PAGES)] for name, at in places.items()}
        with engine.begin() as connection:
            connection.execute(sa.text("DROP INDEX users_created_version ON users"))
        purge_us = _purge(engine, gone)
        engine.dispose()
    finally:
        database.kill()
    rows = [
        Row(name, [each.p50 for each in rounds], "ms", p99_ms=[each.p99 for each in rounds])
        for name, rounds in now.items()
    ]
    then = [Row(f"{name}, as before", [each.p50 for each in rounds], "ms") for name, rounds in before.items()]
    touched_rows = [Row(f"{name}, rows that the server read", [each], "rows") for name, each in touched.items()]
    spent_rows = [
        Row(f"{name}, processor time of {who}", [each[who]], "ms") for name, each in spent.items() for who in each
    ]
    parts = [
        Part(f"A page of {entities:,} users and {gone:,} tombstones", rows + touched_rows + spent_rows + then),
        Part("Removing", [Row("a tombstone, in steps", [purge_us], "µs")]),
    ]
    worst = max(each.p99 for rounds in now.values() for each in rounds)
    verdict = f"p99 of a page, at the worst place: {worst:.1f} ms; aim <= {AIM_P99_MS:.0f} ms: "
    return parts, [verdict + ("met" if worst <= AIM_P99_MS else "NOT MET")], {"worst_p99_ms": worst}


def _load(engine: Engine, began: int, entities: int, gone: int) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE bench_numbers (n INT PRIMARY KEY)"))
        connection.execute(sa.text("INSERT INTO bench_numbers VALUES (:n)"), [{"n": n} for n in range(_CHUNK)])
    first, started = 0, time.perf_counter()
    for count, is_gone in ((entities // 2, False), (gone, True), (entities - entities // 2, False)):
        for at in range(0, count, _CHUNK):
            chunk = {
                "count": min(_CHUNK, count - at),
                "gone": is_gone,
                "began": began + first + at,
                "first": first + at,
            }
            with engine.begin() as connection:
                connection.execute(_FILL, chunk)
        first += count
    with engine.begin() as connection:
        connection.execute(_NEWEST, {"version": wall_clock()})
    _say(f"{first:,} rows after {time.perf_counter() - started:.0f} s")


def _as_before(engine: Engine, resource: object, after: int, limit: int) -> None:
    table = table_of(USERS)
    created, deleted = table.c.created_version, table.c.deleted_version
    query = sa.select(*table.c).with_hint(table, "FORCE INDEX (users_created_version)")
    with engine.connect() as connection:
        connection.execute(query.where(created > after, deleted == 0).order_by(created).limit(limit)).all()


def _timed(engine: Engine, after: int, read: Callable[..., object], times: int) -> Percentiles:
    took_s = []
    for number in range(times):
        began = time.perf_counter()
        read(engine, USERS, after + number, _LIMIT)
        took_s.append(time.perf_counter() - began)
    return percentiles(took_s)


def _touched(engine: Engine, after: int) -> float:
    """Return the rows that the server reads for one page, which do not depend on the load of the machine. Uses the
    engine's only connection."""

    def so_far() -> int:
        with engine.connect() as connection:
            found = connection.execute(sa.text("SHOW SESSION STATUS LIKE 'Handler_read%'")).all()
        return sum(int(value) for _, value in found)

    before = so_far()
    between = so_far()
    reads.page(engine, USERS, after, _LIMIT)
    return so_far() - between - (between - before)


def _spent(engine: Engine, pid: int, after: int) -> dict[str, float]:
    """Return the processor time for one page, in ms, of the server and of this process: the least that a page takes on
    an idle machine."""
    began, before = time.process_time(), cpu_s(pid)
    for number in range(_PAGES):
        reads.page(engine, USERS, after + number, _LIMIT)
    ours, theirs = time.process_time() - began, cpu_s(pid) - before
    return {"the server": theirs / _PAGES * 1e3, "the client": ours / _PAGES * 1e3}


def _purge(engine: Engine, count: int) -> float:
    """Remove the tombstones without the pauses that dlq_admin makes, and return the microseconds per row."""
    history.advance(engine, wall_clock() - 30 * _DAY_US)
    began, gone = time.perf_counter(), 0
    while step := tombstones.purge(engine, USERS, wall_clock(), 0, 500):
        gone += step
    if gone != count:
        raise RuntimeError(f"{gone} of {count} tombstones were removed")
    return (time.perf_counter() - began) / gone * 1e6


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - it is a report


if __name__ == "__main__":
    main()
