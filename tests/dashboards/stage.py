"""The stage: the whole system on servers of its own, with a Prometheus of its own and with ways to break it."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.dashboards.verify.prometheus import Prometheus
from deploy.local.packages import find, which
from tests import processes
from tests.client import fetch
from tests.conftest import migrate
from tests.processes import ROOT, Service, ThirdParty
from tests.servers import Database, RedisServer, Server, free_port, wait_until
from tests.stream import Stream
from tests.threaded_proxy import FaultProxy

#: The programs that the stage needs beside those that every test needs.
PROGRAMS = ("prometheus", "prometheus-redis-exporter", "prometheus-mysqld-exporter")
#: A low limit of writes, which a client exceeds, and short pauses, so that what is broken is tried again soon.
_API = {
    "HOLDFAST_API_RATE_WRITES_PER_MIN": "600",
    "HOLDFAST_API_BREAKER_OPEN_S": "1",
    "HOLDFAST_API_HEARTBEAT_S": "2",
}
#: Failures of the third party are noticed within seconds. Every other setting has its default.
_PROXY = {
    "breaker": {"window_s": 5, "calls_min": 5, "unreachable_in_a_row": 3, "open_s": 1, "open_max_s": 2, "ramp_s": 0},
    "connect_s": 0.2,
    "attempt_s": 0.5,
}


def missing() -> list[str]:
    """Return the programs that are not installed."""
    return [program for program in PROGRAMS if which(program) is None]


class Watcher(Server):
    """A program that answers HTTP on a port of its own."""

    def __init__(self, folder: Path, port: int, *command: str) -> None:
        folder.mkdir(exist_ok=True)
        self.port = port
        super().__init__(folder, command)

    @property
    def address(self) -> str:
        """The `host:port` of the program."""
        return f"127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Return whether the program answers."""
        try:
            return fetch("GET", f"http://{self.address}/metrics", timeout=1).status_code == 200
        except httpx.TransportError:
            return False


@dataclass(frozen=True)
class Stage:
    """The processes, and the ways to break them, that a story needs."""

    prometheus: Prometheus
    api: Service
    dlq: Service
    writers: Sequence[Service]
    third_party: ThirdParty
    to_database: FaultProxy
    stream: Stream

    def all_watched(self) -> bool:
        """Return whether Prometheus has scraped every target, and has evaluated every rule."""
        found = self.prometheus.targets()
        return len(found) >= _TARGETS and all(found.values()) and self.prometheus.rules_evaluated()


_TARGETS = 9


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Yield a stage that runs until the end of the block."""
    with ExitStack() as ends:

        def up(it: Any) -> Any:
            ends.callback(it.kill)
            it.start()
            return it

        def place(name: str) -> Path:
            made = folder / name
            made.mkdir()
            return made

        queue = up(RedisServer(place("queue"), "--maxmemory", "512mb"))
        cache = up(RedisServer(place("cache"), "--appendonly", "no", "--maxmemory", "128mb"))
        database = up(Database(place("database")))
        migrate(database.dsn)
        to_database = ends.enter_context(FaultProxy("127.0.0.1", database.port))
        dsn = database.dsn.replace(f":{database.port}/", f":{to_database.port}/")
        copies = {"HOLDFAST_CACHE_REDIS_ADDR": cache.address}
        third_party = up(ThirdParty(folder))
        proxy = up(processes.external_proxy(folder, queue.address, third_party.url, _PROXY, **copies))
        dlq = up(processes.dlq_admin(folder, queue.address, dsn, **copies))
        api = up(
            processes.api(
                folder,
                queue.address,
                dsn,
                **processes.HASTY_API,
                **copies,
                **_API,
                HOLDFAST_API_EXTERNAL_PROXY_URL=proxy.url,
            )
        )
        writers = [
            up(
                processes.writer(
                    folder,
                    queue.address,
                    dsn,
                    name,
                    **copies,
                    HOLDFAST_WRITER_DEAD_SHARE_MAX="1",
                    HOLDFAST_WRITER_UNKNOWN_PATIENCE_S="1",
                )
            )
            for name in ("writer-0", "writer-1")
        ]
        exporters = {
            "queue": up(_redis_exporter(folder / "queue-exporter", queue)),
            "cache": up(_redis_exporter(folder / "cache-exporter", cache)),
            "database": up(_mysql_exporter(folder / "mysql-exporter", database)),
        }
        targets = {
            "api": {"api": api}, "writer": {"writer-0": writers[0], "writer-1": writers[1]},
            "external_proxy": {"external_proxy": proxy}, "dlq_admin": {"dlq_admin": dlq},
            "redis": {"queue": exporters["queue"], "cache": exporters["cache"]},
            "mysql": {"database": exporters["database"]},
        }  # fmt: skip
        watcher = up(_prometheus(folder / "prometheus", targets))
        it = Stage(Prometheus(watcher.address), api, dlq, writers, third_party, to_database, Stream(queue, database))
        wait_until(it.all_watched, what="everything is watched")
        yield it


def _prometheus(folder: Path, targets: dict[str, dict[str, Any]]) -> Watcher:
    """Return a Prometheus with the rules and the scrape configuration of deploy/prometheus."""
    shutil.copytree(ROOT / "deploy" / "prometheus", folder)
    (folder / "targets").mkdir()
    port = free_port()
    targets = targets | {"prometheus": {"prometheus": None}, "alertmanager": {}}
    for job, found in targets.items():
        groups = [
            {
                "targets": [getattr(it, "scraped_at", f"127.0.0.1:{it.port}") if it else f"127.0.0.1:{port}"],
                "labels": {"instance": name},
            }
            for name, it in found.items()
        ]
        (folder / "targets" / f"{job}.json").write_text(json.dumps(groups))
    return Watcher(
        folder, port, find("prometheus"), f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
    )  # fmt: skip


def _redis_exporter(folder: Path, redis: RedisServer) -> Watcher:
    port = free_port()
    where = ("-redis.addr", f"redis://{redis.address}", "-web.listen-address", f"127.0.0.1:{port}")
    return Watcher(folder, port, find("prometheus-redis-exporter"), *where)


def _mysql_exporter(folder: Path, database: Database) -> Watcher:
    """Return an exporter that connects to the server directly, not through the fault proxy."""
    folder.mkdir()
    login = folder / "my.cnf"
    login.touch(mode=0o600)
    login.write_text(f"[client]\nuser=holdfast\npassword=test-only\nhost=127.0.0.1\nport={database.port}\n")
    port = free_port()
    left_out = ("--no-collect.slave_status", "--no-collect.info_schema.innodb_cmp",
                "--no-collect.info_schema.innodb_cmpmem", "--no-collect.info_schema.query_response_time")  # fmt: skip
    return Watcher(
        folder, port, find("prometheus-mysqld-exporter"), f"--config.my-cnf={login}",
        f"--web.listen-address=127.0.0.1:{port}", *left_out,
    )  # fmt: skip
