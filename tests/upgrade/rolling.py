"""A rolling upgrade and its way back, under traffic, and what became of every request and write."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from holdfast.shared.queue.names import DEAD, WRITES
from tests import keys, processes
from tests.processes import ROOT, Service
from tests.servers import Database, RedisServer, wait_until
from tests.upgrade import previous
from tests.upgrade.traffic import Record, Rotation, traffic

Kind = Literal["api", "writer", "dlq_admin"]
_EACH = 2
#: Seconds that an orchestrator gives a service to end; longer than HOLDFAST_DRAIN_S.
_GRACE_S = 45.0
#: The number of writes that are acknowledged between two steps.
_BETWEEN = 30


def say(line: str) -> None:
    """Print progress."""
    print(f"  {line}", flush=True)  # noqa: T201 - it is for this


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one run."""

    requests: int
    drained: int
    failed: Sequence[str]
    #: Services of the previous build that did not end after SIGTERM.
    killed: int
    acknowledged: int
    #: Operations that were acknowledged and did not take effect.
    lost: int
    #: Operations that took effect and that no client requested.
    doubled: int
    #: Users whose state is not that of their last acknowledged write.
    wrong: int
    dead: int
    missing: int
    #: Commands that the stores refused to a service.
    refused: Sequence[str]

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        bad = (*self.failed, *self.refused)
        return not bad and not any((self.lost, self.doubled, self.wrong, self.dead, self.missing))


class _Fleet:
    """Services of two builds on the same stores."""

    def __init__(self, folder: Path, redis: RedisServer, database: Database, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._stores = (redis.address, database.dsn)
        self._started = 0
        self.rotation = Rotation()
        self.running: dict[Kind, list[Service]] = {"api": [], "writer": [], "dlq_admin": []}

    def start(self, kind: Kind, root: Path) -> None:
        """Start one more service of the build with these files. It is used when it is ready."""
        self._started += 1
        own = {"HOLDFAST_INSTANCE": f"{kind}-{self._started}", "HOLDFAST_REVISION": root.name[:8]}
        more = {"writer": {k: v for k, v in processes.QUICK.items() if k != "HOLDFAST_DRAIN_S"}}.get(kind, {})
        service: Service = getattr(processes, kind)(self._folder, *self._stores, **more, **own)
        service.root = root
        self._stack.callback(service.kill)
        service.start()
        wait_until(service.ready, what=f"{kind} is ready")
        self.running[kind].append(service)
        if kind == "api":
            self.rotation.add(service)

    def replace(self, kind: Kind, root: Path, record: Record) -> None:
        """Replace all services of a kind, one after another, by those of another build. Each old service is drained."""
        for old in list(self.running[kind]):
            self.start(kind, root)
            self.running[kind].remove(old)
            if kind == "api":
                self.rotation.remove(old)
            _stop(kind, old, record)
            record.wait_for(_BETWEEN)
            say(f"{kind} is of {root.name[:8]}; {len(record.operations):,} writes so far")


def _stop(kind: Kind, service: Service, record: Record) -> None:
    """Stop a service as an orchestrator does: send SIGTERM, and SIGKILL if it takes too long. For a service of this
    build, the latter is a failure."""
    service.send(signal.SIGTERM)
    try:
        code = service.wait(_GRACE_S)
    except AssertionError:
        record.killed.append(kind)
        code = 0 if service.root != ROOT else -signal.SIGKILL
    if code not in (0, -signal.SIGTERM):  # uvicorn raises the signal again when it has drained
        record.failed.append(f"{kind} ended with {code}")


@contextmanager
def _fleet(folder: Path, redis: RedisServer, database: Database) -> Iterator[_Fleet]:
    with ExitStack() as stack:
        yield _Fleet(folder, redis, database, stack)


def rolling(folder: Path, redis: RedisServer, database: Database, order: Sequence[Kind]) -> Verdict:
    """Upgrade from the previous build to this one in this order, and go back in the reverse order. `database` has no
    tables yet."""
    before = previous.files(previous.name())
    previous.migrate(before, database.dsn)
    record = Record()
    with _fleet(folder, redis, database) as fleet:
        for kind in order:
            for _ in range(1 if kind == "dlq_admin" else _EACH):
                fleet.start(kind, before)
        with traffic(fleet.rotation, record):
            record.wait_for(_BETWEEN)
            previous.migrate(ROOT, database.dsn)
            record.wait_for(_BETWEEN)
            for kind in order:
                fleet.replace(kind, ROOT, record)
            for kind in reversed(order):
                fleet.replace(kind, before, record)
        with redis.client() as client:
            wait_until(lambda: bool(client.xlen(WRITES) == 0), what="all is applied")
            dead = int(client.xlen(DEAD))
        [admin] = fleet.running["dlq_admin"]
        missing = _missing(admin)
    return _judge(record, database, dead, missing, redis.refused())


def _missing(admin: Service) -> int:
    """Return the missing writes of the ledger, read after the end: 0 if the ledger balances in time, else its last
    value, or -1 if it could not be read."""
    with admin.client(headers=keys.bearer(keys.OPERATOR)) as http:
        said: list[int] = []

        def balances() -> bool:
            if (ledger := http.get("/ledger").json().get("data")) is not None:
                said.append(int(ledger["missing"]))
            return bool(said) and said[-1] == 0

        try:
            wait_until(balances, what="the ledger balances")
        except AssertionError:
            return said[-1] if said else -1
    return 0


def _judge(record: Record, database: Database, dead: int, missing: int, refused: Sequence[str]) -> Verdict:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT operation_id, effect FROM operations")
        ended = dict(cursor.fetchall())
        cursor.execute("SELECT id, name, deleted_version > 0 FROM users")
        users = {id: None if gone else name for id, name, gone in cursor.fetchall()}
        cursor.execute("SELECT COUNT(*) FROM dead_letters")
        (letters,) = cursor.fetchone() or (0,)
    return Verdict(
        requests=record.requests,
        drained=record.drained,
        failed=record.failed,
        killed=len(record.killed),
        acknowledged=len(record.operations),
        lost=sum(ended.get(operation) != "applied" for operation in record.operations),
        doubled=len(ended.keys() - record.operations),
        wrong=sum(users.get(user, "") != name for user, name in record.users.items())
        + len(users.keys() - record.users.keys()),
        dead=dead + int(letters),
        missing=missing,
        refused=refused,
    )
