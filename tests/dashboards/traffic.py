"""Traffic: a few clients of every kind, at a steady pace, until told to go."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

import httpx

from tests import keys

_PATIENCE_S = 15.0


class Traffic:
    """`with` it: clients at work, each doing one thing a few times a second. What they are answered is not their
    business; an answer that does not come at all is."""

    def __init__(self, api: str, dlq: str) -> None:
        self._api = httpx.Client(base_url=api, timeout=_PATIENCE_S)
        self._dlq = httpx.Client(base_url=dlq, timeout=60, headers=keys.bearer(keys.OPERATOR))
        self._end = threading.Event()
        self._known: list[str] = []
        self._pool = ThreadPoolExecutor(8)
        self._workers: list[Any] = []

    def __enter__(self) -> "Traffic":
        """They begin."""
        for work, every_s in (
            (self._create, 0.2), (self._change, 0.4), (self._read, 0.1), (self._list, 0.5), (self._unknown, 0.3),
            (self._external, 0.15), (self._mistake, 0.7), (self._operator, 0.7),
        ):  # fmt: skip
            self._workers.append(self._pool.submit(self._again_and_again, work, every_s))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """They go; raises what went wrong with one of them."""
        self._end.set()
        self._pool.shutdown()
        self._api.close()
        self._dlq.close()
        if error is None:
            for worker in self._workers:
                worker.result()

    def fresh(self) -> bool:
        """Whether a known user is read from the database."""
        body = self._api.get(self._known[0]).json()
        return bool(body["success"]) and "stale" not in body["meta"]

    def _again_and_again(self, work: Callable[[], None], every_s: float) -> None:
        while not self._end.wait(every_s):
            work()

    def _create(self) -> None:
        user = {"name": "Ada", "email": f"{uuid.uuid4().hex}@example.com"}
        key = {"Idempotency-Key": uuid.uuid4().hex}
        answer = self._api.post("/users", json=user, headers=key | {"Prefer": "wait=1"})
        if answer.status_code in (201, 202) and len(self._known) < 50:
            self._known.append(answer.headers["location"] if answer.status_code == 201 else _path(answer))
        self._api.post("/users", json=user, headers=key)

    def _change(self) -> None:
        if self._known:
            self._api.patch(self._known[-1], json={"name": "Ada Lovelace"})

    def _read(self) -> None:
        if self._known:
            self._api.get(self._known[len(self._known) // 2])

    def _list(self) -> None:
        self._api.get("/users")

    def _unknown(self) -> None:
        self._api.get(f"/users/{uuid.uuid4()}")

    def _external(self) -> None:
        self._api.get("/external-api")

    def _mistake(self) -> None:
        self._api.post("/users", json={"name": "", "email": "not an address"})

    def _operator(self) -> None:
        self._dlq.get("/dlq/groups")


def _path(answer: httpx.Response) -> str:
    return f"/users/{answer.json()['data']['id']}"
