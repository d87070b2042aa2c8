"""Traffic: the open loop of `deploy.client`, and beside it requests that such a client never sends."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import httpx

from deploy.client.plan import Plan, parse
from deploy.client.session import Background
from tests import keys

_PATIENCE_S = 15.0
#: Enough requests for every panel, and for a breaker to see the third party fail within its window.
_MIX = parse("reads=5,lists=1,writes=3,updates=2,external=5")


class Traffic:
    """Sends requests at a steady pace while a `with` block runs, whatever the answers. Answers are not checked. If one
    of the requests that the open loop never sends gets no answer at all, the end of the block raises."""

    def __init__(self, api: str, dlq: str) -> None:
        plan = Plan(api, per_s=sum(_MIX.values()), mix=_MIX, timeout_s=_PATIENCE_S, users=20)
        self._open_loop = Background(plan)
        self._api = httpx.Client(base_url=api, timeout=_PATIENCE_S)
        self._dlq = httpx.Client(base_url=dlq, timeout=60, headers=keys.bearer(keys.OPERATOR))
        self._end = threading.Event()
        self._pool = ThreadPoolExecutor(4)
        self._workers: list[Future[None]] = []

    def __enter__(self) -> Self:
        """Start sending."""
        self._open_loop.__enter__()
        for work, every_s in ((self._repeat, 0.3), (self._unknown, 0.3), (self._mistake, 0.7), (self._operator, 0.7)):
            self._workers.append(self._pool.submit(self._again_and_again, work, every_s))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Stop sending. Raises the error of any of the workers."""
        self._end.set()
        self._open_loop.__exit__()
        self._pool.shutdown()
        self._api.close()
        self._dlq.close()
        if error is None:
            self._open_loop.check()
            for worker in self._workers:
                worker.result()

    def fresh(self) -> bool:
        """Return whether users are read from the database."""
        return bool(self._api.get("/users").json()["success"])

    def _again_and_again(self, work: Callable[[], None], every_s: float) -> None:
        while not self._end.wait(every_s):
            work()

    def _repeat(self) -> None:
        user = {"name": "Ada", "email": f"{uuid.uuid4().hex}@example.com"}
        key = {"Idempotency-Key": uuid.uuid4().hex}
        for prefer in ({"Prefer": "wait=1"}, {}):
            self._api.post("/users", json=user, headers=key | prefer)

    def _unknown(self) -> None:
        self._api.get(f"/users/{uuid.uuid4()}")

    def _mistake(self) -> None:
        self._api.post("/users", json={"name": "", "email": "not an address"})

    def _operator(self) -> None:
        self._dlq.get("/dlq/groups")
