"""Reading: requests per second through one process, beside the ceiling and common alternatives; and what remains of the
rate while one of the stores is stopped."""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import load
from tests.bench.accept import OURS, Server, start_api, start_peer
from tests.bench.contestants import two_rows
from tests.bench.load import Load
from tests.bench.stage import Stage
from tests.client import fetch
from tests.servers import Server as Store
from tests.servers import wait_until

BEFORE = "Holdfast, before"
CEILING, CACHE_ASIDE, PLAIN = "bare FastAPI", "cache-aside on Redis", "SQLAlchemy + PyMySQL"
_PEERS = {CEILING: "bare_fastapi", CACHE_ASIDE: "cache_aside", PLAIN: "sqlalchemy_read"}

USERS = 10_000
CONNECTIONS = 32
UNIFORM, ZIPF, PAGES = "by id, uniform", "by id, Zipf", "pages of 50"
_DRAWN = 50_000
_ZIPF_EXPONENT = 1.1
_WARM_UP_S = 2.0
_FIRST_NUMBER_US = 1_700_000_000_000_000

HEALTHY = "healthy"
#: The name of the case -> the store that is stopped, whose breaker has to open.
STOPPED = {"breaker open": "database", "cache away": "cache", "queue away": "queue"}

Results = Mapping[str, Mapping[str, Sequence[Load]]]


@dataclass(frozen=True, slots=True)
class Cores:
    """`server` runs the process under measurement, `other` wrk and the stores."""

    server: int
    other: int


class Reading:
    """One run: users are in the database, and every contestant runs, idle when it is not its turn."""

    def __init__(self, stage: Stage, cores: Cores, seconds: float, say: Callable[[str], None]) -> None:
        self._stage = stage
        self._cores = cores
        self._seconds = seconds
        self._say = say
        stage.pin({cores.other})
        stage.empty()
        ids = _fill(stage)
        self._paths = _write_paths(stage.folder, ids)

    @contextmanager
    def contestants(self, before: Path | None) -> Any:
        """Yield all contestants, started and warm. `before`: the folder of an older checkout to measure too."""
        started: dict[str, Server] = {}
        cores = {self._cores.server}
        try:
            started[OURS] = start_api(self._stage, cores)
            if before is not None:
                started[BEFORE] = start_api(self._stage, cores, before)
            for name, module in _PEERS.items():
                started[name] = start_peer(self._stage, module, cores)
            self._warm_up(started)
            yield started
        finally:
            for server in started.values():
                server.process.stop()

    def healthy(self, contestants: Mapping[str, Server], rounds: int) -> Results:
        """Measure every contestant once per round, in turn."""
        results: dict[str, dict[str, list[Load]]] = {
            what: {name: [] for name in contestants} for what in (UNIFORM, ZIPF, PAGES)
        }
        for number, what in itertools.product(range(1, rounds + 1), results):
            for name, server in contestants.items():
                measured = self._run(server, self._paths[what], self._seconds)
                results[what][name].append(measured)
                self._say(f"{number}/{rounds}  {what:16} {name:24} {measured.requests_per_s:8,.0f} requests/s")
        return results

    def degraded(self, ours: Server, rounds: int) -> Results:
        """Measure our reads by id, healthy, and with each store stopped in turn."""
        results: dict[str, dict[str, list[Load]]] = {
            drawn: {what: [] for what in (HEALTHY, *STOPPED)} for drawn in (UNIFORM, ZIPF)
        }
        stores: dict[str, Store] = {
            "database": self._stage.database, "cache": self._stage.cache_server, "queue": self._stage.redis_server
        }  # fmt: skip
        for number, what in itertools.product(range(1, rounds + 1), (HEALTHY, *STOPPED)):
            with self._stopped(ours, stores, STOPPED.get(what)):
                for drawn, measured in results.items():
                    measured[what].append(self._run(ours, self._paths[drawn], self._seconds))
                    rate = measured[what][-1].requests_per_s
                    self._say(f"{number}/{rounds}  {drawn:16} {what:24} {rate:8,.0f} requests/s")
        return results

    @contextmanager
    def _stopped(self, ours: Server, stores: Mapping[str, Store], name: str | None) -> Iterator[None]:
        """Keep the store stopped, with its breaker open, while the block runs. None: all stores answer."""
        if name is None:
            yield
            return
        stores[name].freeze()
        try:
            self._until(ours, name, "open")
            yield
        finally:
            stores[name].thaw()
        self._until(ours, name, "closed")

    def _run(self, server: Server, paths: Path, seconds: float) -> Load:
        return load.run(
            server.port, load.PATHS, str(paths), seconds, server=server.process.pid, stores=self._stage.pids,
            cores={self._cores.other}, connections=CONNECTIONS,
        )  # fmt: skip

    def _warm_up(self, contestants: Mapping[str, Server]) -> None:
        """Read every user through our api and through cache-aside, so that their caches hold all of them. Each run
        continues where the one before ended."""
        paths, rest = self._paths["every user"].read_text().splitlines(), self._stage.folder / "rest.paths"
        for name, server in contestants.items():
            done, wanted = 0, USERS if name in (OURS, CACHE_ASIDE) else 1
            while done < wanted:
                at = done % USERS
                rest.write_text("\n".join([*paths[at:], *paths[:at]]) + "\n")
                done += round(self._run(server, rest, _WARM_UP_S).requests_per_s * _WARM_UP_S)

    def _until(self, ours: Server, breaker: str, state: str) -> None:
        """Wait until the breaker is in this state, and admits everything if closed. Reads make the breaker decide."""
        paths = itertools.cycle(self._paths["every user"].read_text().splitlines()[:100])

        url = f"http://127.0.0.1:{ours.port}"

        def moved() -> bool:
            for _ in range(10):
                fetch("GET", f"{url}{next(paths)}")
            known = fetch("GET", f"{url}/circuit-breaker/status").json()["data"]["circuit_breakers"]
            own = next(each for each in known if each["name"] == breaker and each["instance"] == f"api-{ours.port}")
            return own["state"] == state and own["admitted_share"] == (state == "closed")

        wait_until(moved, 60, f"{breaker} {state}")


def _fill(stage: Stage) -> list[str]:
    """Add users to the database, and return their ids."""
    rows = []
    for number in range(USERS):
        message = two_rows.message(number) | {"version": _FIRST_NUMBER_US + number}
        rows.append(two_rows.user_row(message))
    with stage.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(two_rows.INSERT_USER, rows)
        connection.commit()
    return [row[0] for row in rows]


def _write_paths(folder: Path, ids: Sequence[str]) -> dict[str, Path]:
    """Write the paths to request, drawn once, so that every contestant gets the same requests."""
    draw = random.Random(14)
    weights = [1 / rank**_ZIPF_EXPONENT for rank in range(1, len(ids) + 1)]
    drawn = {
        "every user": ids,
        UNIFORM: draw.choices(ids, k=_DRAWN),
        ZIPF: draw.choices(draw.sample(ids, len(ids)), weights, k=_DRAWN),
    }
    lines = {what: [f"/users/{each}" for each in chosen] for what, chosen in drawn.items()} | {
        PAGES: ["/users?limit=50"]
    }
    paths = {what: folder / f"{what}.paths" for what in lines}
    for what, file in paths.items():
        file.write_text("\n".join(lines[what]) + "\n")
    return paths
