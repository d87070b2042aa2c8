"""Traffic: what clients see, through the whole run: reads, writes with keys of their own, calls to the third party.
Open loop: requests leave when they are due, whatever became of the ones before."""

import asyncio
import itertools
import json
import random
import secrets
import threading
import time
from collections.abc import Sequence
from typing import Any, Self

import aiohttp

from deploy.chaos.experiment import Kind
from deploy.chaos.samples import Sample, Write, outcome_of

#: A client that waits longer has been left hanging.
_PATIENCE_S = 10.0
MIX: tuple[Kind, ...] = (
    "reads", "writes", "reads", "reads", "writes", "external", "reads", "writes", "reads", "reads",
)  # fmt: skip
_USERS = 12
_JSON = {"Content-Type": "application/json"}
_END_S = 30.0


class Traffic:
    """`with Traffic("127.0.0.1:8080", per_s=20) as traffic: ...`: begins at once, in a thread of its own."""

    def __init__(self, address: str, per_s: float, mix: Sequence[Kind] = MIX) -> None:
        self._mix = mix
        self._url = f"http://{address}"
        self._per_s = per_s
        self._run = secrets.token_hex(4)
        self._users: list[str] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="traffic", daemon=True)
        self._trouble: BaseException | None = None
        #: Every request so far that has ended.
        self.samples: list[Sample] = []
        #: Every write that was sent.
        self.writes: list[Write] = []
        #: How late requests left, in seconds: the generator's own fault.
        self.slips_s: list[float] = []

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; what is under way is waited for."""
        self._stopped.set()
        self._thread.join(_END_S)

    def check(self) -> None:
        """Raise what the traffic died of, if it did."""
        if self._trouble:
            raise self._trouble

    def _serve(self) -> None:
        try:
            asyncio.run(self._send_all())
        except BaseException as error:  # noqa: BLE001 - told by `check`, in the thread that looks
            self._trouble = error

    async def _send_all(self) -> None:
        limit = aiohttp.ClientTimeout(total=_PATIENCE_S)
        connector = aiohttp.TCPConnector(limit=0)
        async with (
            aiohttp.ClientSession(self._url, timeout=limit, connector=connector) as http,
            asyncio.TaskGroup() as group,
        ):
            began = time.time()
            for number in itertools.count():
                due = began + number / self._per_s
                if (early_s := due - time.time()) > 0:
                    await asyncio.sleep(early_s)
                if self._stopped.is_set():
                    return
                self.slips_s.append(max(0.0, time.time() - due))
                group.create_task(self._one(http, number, due))

    async def _one(self, http: aiohttp.ClientSession, number: int, due: float) -> None:
        kind = self._mix[number % len(self._mix)] if len(self._users) >= _USERS else "writes"
        if kind == "writes":
            await self._write(http, number, due)
            return
        path = "/external-api" if kind == "external" else f"/users/{random.choice(self._users)}"  # noqa: S311 - no secret
        await self._ask(http, kind, due, "GET", path)

    async def _write(self, http: aiohttp.ClientSession, number: int, due: float) -> None:
        key = f"chaos-{self._run}-{number}"
        if len(self._users) < _USERS or number % 20 == 1:
            body = {"name": f"Chaos {number}", "email": f"{key}@example.com"}
            write = Write(key, "POST", "/users", body)
        else:
            write = Write(key, "PATCH", f"/users/{random.choice(self._users)}", {"name": f"Chaos {number}"})  # noqa: S311 - no secret
        self.writes.append(write)
        answer = await self._ask(http, "writes", due, write.method, write.path, write.body, key)
        write.told(answer)
        if write.method == "POST" and write.operation and len(self._users) < 4 * _USERS:
            self._users.append(answer["data"]["id"])

    async def _ask(
        self, http: aiohttp.ClientSession, kind: Kind, due: float, method: str, path: str,
        body: dict[str, str] | None = None, key: str = "",
    ) -> Any:  # fmt: skip
        """The answer's document, or None; the sample is noted down."""
        headers = _JSON | {"Idempotency-Key": key} if key else {}
        document: Any = None
        status, degraded, hung = 0, False, False
        try:
            data = None if body is None else json.dumps(body).encode()
            async with http.request(method, path, data=data, headers=headers) as answer:
                text = await answer.read()
                status, degraded = answer.status, "X-Degraded" in answer.headers
                document = json.loads(text)
        except TimeoutError:
            hung = True
        except (aiohttp.ClientError, OSError, ValueError):
            pass
        outcome, code = outcome_of(status, document, degraded=degraded, hung=hung)
        self.samples.append(Sample(kind, due, time.time() - due, status, outcome, code))
        return document
