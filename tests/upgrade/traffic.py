"""Traffic through apis that come and go: each client creates, changes, deletes and reads users of its own."""

import random
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.client import RESPONSE_DEADLINE_S, client_of
from tests.processes import Service
from tests.servers import wait_until

_CLIENTS = 4
_GOOD = (200, 201, 202)


class Rotation:
    """The apis that get new requests, as a load balancer in front of them knows them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._serving: list[Service] = []
        self._left: set[str] = set()

    def add(self, api: Service) -> None:
        """Send requests to this api from now on."""
        with self._lock:
            self._serving.append(api)

    def remove(self, api: Service) -> None:
        """Send no new requests to this api."""
        with self._lock:
            self._serving.remove(api)
            self._left.add(api.url)

    def move(self, old: Sequence[Service], new: Sequence[Service]) -> None:
        """Send all requests from now on to other apis."""
        with self._lock:
            self._serving[:] = new
            self._left |= {api.url for api in old}

    def pick(self, chance: random.Random) -> str:
        """Return the URL of one api."""
        with self._lock:
            return chance.choice(self._serving).url

    def is_leaving(self, url: str) -> bool:
        """Return whether the api was removed."""
        with self._lock:
            return url in self._left


@dataclass
class Record:
    """The answers to all clients together."""

    #: Ids of the operations that were acknowledged.
    operations: set[str] = field(default_factory=set)
    #: User id -> the name that the last acknowledged write set, or None if it deleted the user.
    users: dict[str, str | None] = field(default_factory=dict)
    #: Connections that ended because their api was removed; the request was sent again.
    drained: int = 0
    failed: list[str] = field(default_factory=list)
    #: Services that were killed because they did not end.
    killed: list[str] = field(default_factory=list)
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_for(self, more: int) -> None:
        """Wait until `more` further writes are acknowledged."""
        before = len(self.operations)
        wait_until(lambda: len(self.operations) >= before + more, what=f"{more} more acknowledged writes")


class _Client:
    """A client that sends one request after another, so that its writes are accepted in that order."""

    def __init__(self, rotation: Rotation, record: Record, seed: int) -> None:
        self._rotation = rotation
        self._record = record
        self._chance = random.Random(seed)
        self._mine: dict[str, str] = {}
        self._http: dict[str, httpx.Client] = {}

    def step(self) -> None:
        """Send one request."""
        mark = uuid.uuid4().hex
        match self._chance.choice(["create", "change", "read", "delete"]) if len(self._mine) > 2 else "create":
            case "create":
                body = {"name": mark, "email": f"{mark}@example.com"}
                if answer := self._write("POST", "/users", body):
                    self._mine[self._settled(answer, mark)] = mark
            case "change":
                user = self._chance.choice(list(self._mine))
                if answer := self._write("PATCH", f"/users/{user}", {"name": mark}):
                    self._mine[self._settled(answer, mark)] = mark
            case "delete":
                user = self._chance.choice(list(self._mine))
                if answer := self._write("DELETE", f"/users/{user}", None):
                    self._settled(answer, None)
                    del self._mine[user]
            case _:
                self._read(self._chance.choice(list(self._mine)))

    def close(self) -> None:
        """Close the connections."""
        for client in self._http.values():
            client.close()

    def _read(self, user: str) -> None:
        answer = self._send("GET", f"/users/{user}", None, {})
        if answer is not None:
            found = answer.json().get("data") or {}
            if answer.status_code != 200 or found.get("name") != self._mine[user]:
                self._fail(f"GET a user of mine: {answer.status_code} {answer.text[:300]}")

    def _write(self, method: str, path: str, body: dict[str, str] | None) -> httpx.Response | None:
        answer = self._send(method, path, body, {"Idempotency-Key": uuid.uuid4().hex})
        if answer is not None and answer.status_code not in _GOOD:
            self._fail(f"{method}: {answer.status_code} {answer.text[:300]}")
            return None
        return answer

    def _connection(self, url: str) -> httpx.Client:
        if url not in self._http:
            self._http[url] = client_of(url)
        return self._http[url]

    def _send(
        self, method: str, path: str, body: dict[str, str] | None, headers: dict[str, str]
    ) -> httpx.Response | None:
        """Return the answer, or None if the request failed. If a connection ends because its api was removed, send the
        request again, with the same key."""
        with self._record.lock:
            self._record.requests += 1
        while True:
            url = self._rotation.pick(self._chance)
            try:
                return self._connection(url).request(method, path, json=body, headers=headers)
            except httpx.TransportError as error:
                if not self._rotation.is_leaving(url):
                    self._fail(f"{method}: {type(error).__name__} {error}")
                    return None
                with self._record.lock:
                    self._record.drained += 1

    def _settled(self, answer: httpx.Response, name: str | None) -> str:
        """Record what an acknowledged write made of its user, and return the user's id."""
        data = answer.json()["data"]
        with self._record.lock:
            self._record.operations.add(data["operation_id"])
            user = str(data.get("id") or answer.request.url.path.rpartition("/")[2])
            self._record.users[user] = name
        return user

    def _fail(self, what: str) -> None:
        with self._record.lock:
            self._record.failed.append(what)


@contextmanager
def traffic(rotation: Rotation, record: Record, pause_s: float = 0.01) -> Iterator[Record]:
    """Run clients until the block ends. An exception in a client is recorded as a failure."""
    done = threading.Event()

    def run(seed: int) -> None:
        client = _Client(rotation, record, seed)
        try:
            while not done.wait(pause_s):
                client.step()
        except Exception as error:  # noqa: BLE001 - an exception in a thread would be lost
            record.failed.append(f"the client: {error!r}")
        finally:
            client.close()

    threads = [threading.Thread(target=run, args=(seed,), daemon=True) for seed in range(_CLIENTS)]
    for each in threads:
        each.start()
    try:
        yield record
    finally:
        done.set()
        for each in threads:
            each.join(2 * RESPONSE_DEADLINE_S)
