"""`python -m tests.bench.ledger`: what a reading of the ledger costs with ten thousand ended operations and with
millions, beside the full count that it replaced; and the cost of keeping it cheap: closing rows, and removing old
ones."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import sqlalchemy as sa

from deploy.client.samples import percentiles
from holdfast.shared.letters.retention import history as purging
from holdfast.shared.store.closing import close
from holdfast.shared.store.counts import operation_counts
from holdfast.shared.store.engine import Engine, Timeouts, faults, make_engine
from tests.bench import machine, page
from tests.bench.table import Part, Row, as_text
from tests.conftest import migrate
from tests.servers import Database

AIM_P99_MS = 50.0
_SMALL = 10_000
#: The operations of two seconds at 1,000 writes/s: those that end between two steps of closing.
_OPEN = 2_000
_STEP = 500
_READINGS, _FULL_COUNTS = 200, 3
_BEGAN = 1_764_000_000_000_000
_CUT = 2**52
_CHUNK = 100_000
_ROUNDS = 3
_CLOSED_BY_STEPS = 100_000

#: The query of the ledger before it closed operations.
_FULL = sa.text(
    "SELECT effect = 'rejected', entry_id IS NULL, COUNT(*) FROM operations"
    " WHERE (entry_id IS NOT NULL AND version <= :cut) OR entry_id IS NULL GROUP BY 1, 2"
)
# Ids as the api makes them: their order is the order of time.
_LOAD = sa.text(
    "INSERT INTO operations (operation_id, resource, entity_id, command, version, effect, entity_version, entry_id,"
    " ended_at, closed) SELECT CONCAT('019ab000-0000-7000-8000-', LPAD(HEX(:from + n), 12, '0')),"
    " 'users', CONCAT('019ab000-0000-7000-9000-', LPAD(HEX(:from + n), 12, '0')), 'CreateUser', :began + :from + n,"
    " IF(MOD(n, 100) = 0, 'rejected', 'applied'), :began + :from + n,"
    " IF(MOD(n, 50) = 0, NULL, CONCAT((:began + :from + n) DIV 1000, '-', MOD(:began + :from + n, 1000))),"
    " FROM_UNIXTIME(:began / 1000000), :closed FROM bench_numbers WHERE n < :count"
)

_TOTALS = sa.text(
    "REPLACE INTO operation_totals (id, applied, rejected, direct, closed_to)"
    " SELECT 1, SUM(effect != 'rejected'), SUM(effect = 'rejected'), SUM(entry_id IS NULL), MAX(version)"
    " FROM operations WHERE closed = 1"
)


def main() -> None:
    """Measure and print. The exit code is 0 if everything was measured, whatever the results."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ledger", description=__doc__)
    parser.add_argument("--operations", type=int, default=10_000_000)
    parser.add_argument("--out", type=Path, help="write the page here")
    options = parser.parse_args()
    about = machine.describe(range(os.cpu_count() or 1))
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        parts, verdicts, raw = _run(Path(folder), options.operations)
    _say("\n" + as_text(parts) + "\n\n" + "\n".join(verdicts))
    if options.out:
        command = f"python -m tests.bench.ledger {' '.join(sys.argv[1:])}"
        page.write(options.out, "The ledger, measured", parts, verdicts, about, _HOW, command, raw)


_HOW = (
    f"Operations are loaded into an empty MariaDB (buffer pool of 256 MB) by one statement per {_CHUNK:,} rows, all but"
    f" the last {_CLOSED_BY_STEPS:,} as closed; these are closed in steps of {_STEP} as dlq_admin does it, without its"
    f" pauses. Then {_OPEN:,} more end, which is what 1,000 writes/s leave open between two steps.",
    f"A reading is `operation_counts`, its statements and their transaction included; {_READINGS} in each of {_ROUNDS}"
    f" rounds. The full count is the statement that the ledger asked before; {_FULL_COUNTS} in each round. Both give"
    " the same numbers, which is checked.",
    "Bytes are data and indexes of `operations`, as the server reports them after ANALYZE TABLE.",
)


def _run(folder: Path, most: int) -> tuple[list[Part], list[str], dict[str, object]]:
    database = Database(folder)
    try:
        database.start()
        migrate(database.dsn)
        engine = make_engine(database.dsn, Timeouts(5, 5, 3600, 50), 2)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE bench_numbers (n INT PRIMARY KEY)"))
            values = [{"n": number} for number in range(_CHUNK)]
            connection.execute(sa.text("INSERT INTO bench_numbers VALUES (:n)"), values)
        small = _at(engine, 0, _SMALL)
        large = _at(engine, _SMALL + _OPEN, most)
        bytes_each = _bytes(engine) / (most + _OPEN)
        purge_us = _purge(engine, min(most // 10, 200_000))
        engine.dispose()
    finally:
        database.kill()
    parts = [
        Part("One reading; ratio to the same at ten thousand", [
            *_rows(f"{_SMALL:,}", small, small), *_rows(f"{most:,}", large, small),
        ]),
        Part("What keeps it so", [
            Row("closing a row, in steps", [large.close_us], "µs"),
            Row("removing a row, in steps", [purge_us], "µs"),
            Row("data and indexes of an operation", [bytes_each], "bytes"),
        ]),
    ]  # fmt: skip
    p99 = max(large.reading_p99)
    verdicts = [
        f"p99 of a reading at {most:,} operations is {p99:.1f} ms; aim <= {AIM_P99_MS:.0f} ms: "
        + ("met" if p99 <= AIM_P99_MS else "NOT MET"),
        f"at {_SMALL:,} it is {max(small.reading_p99):.1f} ms; the aim is that it costs the same",
    ]
    raw: dict[str, object] = {"small": vars(small), "large": vars(large), "bytes": bytes_each, "purge_us": purge_us}
    return parts, verdicts, raw


class _Measured:
    """The measurements at one size, in ms, one value per round."""

    def __init__(self) -> None:
        self.reading_p50: list[float] = []
        self.reading_p99: list[float] = []
        self.full: list[float] = []
        self.close_us = 0.0


def _rows(size: str, measured: _Measured, small: _Measured) -> list[Row]:
    def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
        return [one / other for one, other in zip(ours, theirs, strict=True)]

    return [
        Row(f"at {size}, reading", measured.reading_p50, "ms", ratios(measured.reading_p50, small.reading_p50),
            measured.reading_p99),
        Row(f"at {size}, full count, as before", measured.full, "ms", ratios(measured.full, small.full)),
    ]  # fmt: skip


def _at(engine: Engine, there: int, size: int) -> _Measured:
    """Add rows from `there` to `size`, close them, add the open ones, and measure."""
    measured = _Measured()
    began = time.perf_counter()
    by_steps = min(size - there, _CLOSED_BY_STEPS)
    _load(engine, there, size - there - by_steps, closed=True)
    with engine.begin() as connection:
        if size - there > by_steps:
            connection.execute(_TOTALS)
    _load(engine, size - by_steps, by_steps)
    _say(f"{size:,} operations after {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    closed = 0
    while count := close(engine, _CUT, _STEP):
        closed += count
    took_s = time.perf_counter() - began
    measured.close_us = took_s / closed * 1e6
    _say(f"{closed:,} closed in {took_s:.0f} s")
    _load(engine, size, _OPEN)
    counts = operation_counts(engine, _CUT)
    with faults(), engine.connect() as connection:
        full = sum(int(row[2]) for row in connection.execute(_FULL, {"cut": _CUT}))
    if (counts.applied + counts.rejected, counts.open) != (full, _OPEN):
        raise RuntimeError(f"the reading ({counts}) is not the full count ({full})")
    for number in range(_ROUNDS):
        reading = percentiles(_timed(_READINGS, lambda: operation_counts(engine, _CUT)))
        measured.reading_p50.append(reading.p50)
        measured.reading_p99.append(reading.p99)
        measured.full.append(percentiles(_timed(_FULL_COUNTS, lambda: _count_all(engine))).p50)
        _say(f"round {number + 1}: p99 {reading.p99:.1f} ms, full count {measured.full[-1]:,.0f} ms")
    return measured


def _count_all(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(_FULL, {"cut": _CUT}).all()


def _timed(times: int, work: Callable[[], object]) -> list[float]:
    took_s = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took_s.append(time.perf_counter() - began)
    return took_s


def _load(engine: Engine, first: int, count: int, *, closed: bool = False) -> None:
    for at in range(first, first + count, _CHUNK):
        with engine.begin() as connection:
            chunk = min(_CHUNK, first + count - at)
            connection.execute(_LOAD, {"from": at, "count": chunk, "began": _BEGAN, "closed": closed})


def _bytes(engine: Engine) -> int:
    with engine.connect() as connection:
        connection.execute(sa.text("ANALYZE TABLE operations")).all()
        query = "SELECT data_length + index_length FROM information_schema.tables WHERE table_name = 'operations'"
        return int(connection.execute(sa.text(query)).scalar_one())


def _purge(engine: Engine, count: int) -> float:
    """Remove `count` rows, and return the microseconds per row."""
    purging.advance(engine, _BEGAN + 3600 * 1_000_000 * 24)
    after, gone, began = 0, 0, time.perf_counter()
    while gone < count:
        step, following = purging.purge_operations(engine, after, _STEP)
        gone, after = gone + step, following or after
        if not step:
            break
    _say(f"{gone:,} removed in {time.perf_counter() - began:.0f} s")
    return (time.perf_counter() - began) / max(gone, 1) * 1e6


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - it is a report


if __name__ == "__main__":
    main()
