"""Writes and reads in flight while something fails: what was acknowledged, and how long nothing worked."""

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
        """The value for DB_DSN."""

    def connect(self) -> Any:
        """Return a plain connection."""


class Gap:
    """The longest time without an event while clients were at work."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._at = time.monotonic()

    def begin(self) -> None:
        """Start the measurement, when clients begin."""
        self._at = time.monotonic()

    def event(self) -> None:
        """Record an event, or the end of the clients, now."""
        now = time.monotonic()
        self.longest_s, self._at = max(self.longest_s, now - self._at), now


@dataclass
class Record:
    """The answers to all clients together."""

    #: Operation id -> status code, for the writes that the api has acknowledged.
    acknowledged: dict[str, int] = field(default_factory=dict)
    #: Status codes of the writes that were not acknowledged.
    refused: list[int] = field(default_factory=list)
    answers: Gap = field(default_factory=Gap)
    fresh_reads: Gap = field(default_factory=Gap)
    #: The times at which clients began, and at which they ended.
    periods: list[tuple[datetime, datetime]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def gaps(self) -> tuple[Gap, Gap]:
        """The gaps of answers and of fresh reads."""
        return self.answers, self.fresh_reads

    def add(self, answer: httpx.Response) -> None:
        """Record the answer to one write."""
        with self._lock:
            if answer.status_code in (200, 201, 202):
                self.acknowledged[answer.json()["data"]["operation_id"]] = answer.status_code
                self.answers.event()
            else:
                self.refused.append(answer.status_code)

    def add_read(self, answer: httpx.Response) -> None:
        """Record the answer to one read."""
        if answer.status_code == 200 and not answer.json()["meta"].get("stale"):
            with self._lock:
                self.fresh_reads.event()

    def count(self, status: int) -> int:
        """Return the number of writes acknowledged with this status so far."""
        with self._lock:
            return sum(each == status for each in self.acknowledged.values())

    def wait_for(self, more: int, status: int | None = None) -> None:
        """Wait until `more` further writes are acknowledged, with this status if given."""
        before = self.count(status) if status else len(self.acknowledged)
        wait_until(
            lambda: (self.count(status) if status else len(self.acknowledged)) >= before + more,
            what=f"{more} more writes are acknowledged with {status or 'any status'}",
        )

    def lost(self, database: Node) -> set[str]:
        """Return the acknowledged operations that are missing in the database, or were rejected there although all of
        them are valid."""
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT operation_id FROM operations WHERE effect <> 'rejected'")
            return set(self.acknowledged) - {row[0] for row in cursor.fetchall()}

    def longest_without_applied_s(self, database: Node) -> float:
        """Return the longest time, in seconds, in which no write was applied while clients were at work, by the times
        in the database. A client that waits for its own write would include the backlog before it."""
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
    """Run a few clients that each create a user with a new address and change it at once, one request after another,
    and another client that reads."""
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
