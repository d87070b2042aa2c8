"""Writes under way while something fails: what was acknowledged, and how long nobody got an answer."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests import processes
from tests.servers import Database, wait_until

_CLIENTS = 4


@dataclass
class Record:
    """Of all clients together."""

    #: Operation -> status code, of those that the api has promised.
    acknowledged: dict[str, int] = field(default_factory=dict)
    #: Status codes of what was promised to nobody.
    refused: list[int] = field(default_factory=list)
    longest_gap_s: float = 0.0
    _at: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, answer: httpx.Response) -> None:
        """One answer."""
        with self._lock:
            if answer.status_code in (201, 202):
                self.acknowledged[answer.json()["data"]["operation_id"]] = answer.status_code
                self.longest_gap_s = max(self.longest_gap_s, time.monotonic() - self._at)
                self._at = time.monotonic()
            else:
                self.refused.append(answer.status_code)

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

    def lost(self, database: Database) -> set[str]:
        """Acknowledged operations that the database does not know."""
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT operation_id FROM operations")
            return set(self.acknowledged) - {row[0] for row in cursor.fetchall()}


@contextmanager
def writing(api: processes.Service, record: Record, pause_s: float = 0.01) -> Iterator[Record]:
    """A few clients create users with addresses of their own, one request after another each."""
    done = threading.Event()

    def client() -> None:
        with api.client() as http:
            while not done.wait(pause_s):
                own = uuid.uuid4().hex
                user = {"name": own, "email": f"{own}@example.com"}
                record.add(http.post("/users", json=user))

    clients = [threading.Thread(target=client, daemon=True) for _ in range(_CLIENTS)]
    for each in clients:
        each.start()
    try:
        yield record
    finally:
        done.set()
        for each in clients:
            each.join(240)
