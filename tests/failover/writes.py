"""Writes and reads under way while something fails: what was acknowledged, and how long nothing worked."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Protocol

import httpx

from tests import processes
from tests.servers import wait_until

_CLIENTS = 4


class Node(Protocol):
    """A server of the database."""

    @property
    def dsn(self) -> str:
        """For DB_DSN."""

    def connect(self) -> Any:
        """A plain connection."""


class Gap:
    """The longest time without an event while clients were at work."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._at = time.monotonic()

    def begin(self) -> None:
        """Clients begin their work."""
        self._at = time.monotonic()

    def event(self) -> None:
        """It happened now, or the clients end."""
        now = time.monotonic()
        self.longest_s, self._at = max(self.longest_s, now - self._at), now


@dataclass
class Record:
    """Of all clients together."""

    #: Operation -> status code, of the writes that the api has acknowledged.
    acknowledged: dict[str, int] = field(default_factory=dict)
    #: Status codes of the others.
    refused: list[int] = field(default_factory=list)
    answers: Gap = field(default_factory=Gap)
    fresh_reads: Gap = field(default_factory=Gap)
    #: When clients began, and when they ended.
    periods: list[tuple[datetime, datetime]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def gaps(self) -> tuple[Gap, Gap]:
        """Both of them."""
        return self.answers, self.fresh_reads

    def add(self, answer: httpx.Response) -> None:
        """The answer to one write."""
        with self._lock:
            if answer.status_code in (200, 201, 202):
                self.acknowledged[answer.json()["data"]["operation_id"]] = answer.status_code
                self.answers.event()
            else:
                self.refused.append(answer.status_code)

    def add_read(self, answer: httpx.Response) -> None:
        """The answer to one read."""
        if answer.status_code == 200 and not answer.json()["meta"].get("stale"):
            with self._lock:
                self.fresh_reads.event()

    def count(self, status: int) -> int:
        """Writes acknowledged with this status so far."""
        with self._lock:
            return sum(each == status for each in self.acknowledged.values())

    def wait_for(self, more: int, status: int | None = None) -> None:
        """Until so many more are acknowledged, with this status if it matters."""
        before = self.count(status) if status else len(self.acknowledged)
        wait_until(
            lambda: (self.count(status) if status else len(self.acknowledged)) >= before + more,
            what=f"{more} more writes are acknowledged with {status or 'any status'}",
        )

    def lost(self, database: Node) -> set[str]:
        """Acknowledged operations that the database does not know, or has rejected although all of them can work."""
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT operation_id FROM operations WHERE effect <> 'rejected'")
            return set(self.acknowledged) - {row[0] for row in cursor.fetchall()}

    def longest_without_applied_s(self, database: Node) -> float:
        """The longest time in which no write was applied while clients were at work, by the times in the database. A
        client that waits for its own write would measure the backlog before it as well."""
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT ended_at FROM operations ORDER BY ended_at")
            ended = [row[0] for row in cursor.fetchall()]
        longest_s = 0.0
        for begin, end in self.periods:
            times = [begin, *(each for each in ended if begin < each < end), end]
            longest_s = max(longest_s, *((b - a).total_seconds() for a, b in pairwise(times)))
        return longest_s


@contextmanager
def writing(api: processes.Service, record: Record, pause_s: float = 0.01) -> Iterator[Record]:
    """A few clients create users with addresses of their own and change them at once, one request after another each,
    and another client reads."""
    done = threading.Event()

    def write() -> None:
        with api.client() as http:
            while not done.wait(pause_s):
                own = uuid.uuid4().hex
                created = http.post("/users", json={"name": own, "email": f"{own}@example.com"})
                record.add(created)
                if created.is_success:
                    record.add(http.patch(f"/users/{created.json()['data']['id']}", json={"name": uuid.uuid4().hex}))

    def read() -> None:
        with api.client() as http:
            while not done.wait(pause_s):
                record.add_read(http.get("/users?limit=1"))

    work: list[Callable[[], None]] = [read, *[write] * _CLIENTS]
    clients = [threading.Thread(target=each, daemon=True) for each in work]
    begin = datetime.now(UTC).replace(tzinfo=None)
    for gap in record.gaps:
        gap.begin()
    for each in clients:
        each.start()
    try:
        yield record
    finally:
        done.set()
        for gap in record.gaps:
            gap.event()
        record.periods.append((begin, datetime.now(UTC).replace(tzinfo=None)))
        for each in clients:
            each.join(240)
