"""A session: an api that responds, users that exist, and a generator that is ready to start, in the background of
synchronous code."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Self

from deploy.client.connections import Connections, address_of
from deploy.client.generator import Generator, Observer, Run
from deploy.client.plan import UNTIL_STOPPED_S, Kind, Plan
from deploy.client.requests import prepare
from deploy.client.users import check_users

_OF_USERS = {"reads", "lists", "updates"}


@asynccontextmanager
async def session(plan: Plan, *observers: Observer) -> AsyncIterator[Generator]:
    """Prepare a session. Raises Problem if the api does not respond. Polling has connections of its own, so that it
    never waits for the load. HOLDFAST_API_KEY is sent if it is set."""
    key = os.environ.get("HOLDFAST_API_KEY", "").strip()
    address, headers = address_of(plan.api), f"Authorization: Bearer {key}\r\n" if key else ""
    connections = Connections(address, headers, plan.timeout_s)
    polling = Connections(address, headers, plan.timeout_s)
    try:
        kinds = {kind.word for kind, weight in plan.mix.items() if weight}
        if kinds - {Kind.EXTERNAL.word}:
            await asyncio.to_thread(check_users, plan.api, key)
        wanted = _OF_USERS & kinds
        requests = await prepare(plan.api, key, plan.users if wanted else 0)
        yield Generator(plan, requests, connections, polling, *observers)
    finally:
        connections.close()
        polling.close()


_PREPARE_S = 120.0
#: Seconds between the last request and the last response.
_FINISH_S = 90.0


class Background:
    """Sends traffic until the block ends, whatever the plan's duration: `with Background(Plan("http://127.0.0.1:8080",
    per_s=20)) as traffic: ... traffic.run.samples ...`."""

    def __init__(self, plan: Plan, *observers: Observer) -> None:
        self._plan = replace(plan, duration_s=UNTIL_STOPPED_S)
        self._observers = observers
        self._ready: Future[Generator] = Future()
        self._thread = threading.Thread(target=self._serve, name="traffic", daemon=True)
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        """Start the traffic, and return when the first request is about to leave. Raises Problem if the api does not
        respond."""
        self._thread.start()
        self._generator = self._ready.result(_PREPARE_S)
        return self

    def __exit__(self, *_: object) -> None:
        """Send no more, and wait for the requests in flight."""
        self._generator.stop()
        self._thread.join(_FINISH_S)

    @property
    def run(self) -> Run:
        """What has been recorded so far."""
        return self._generator.run

    def check(self) -> None:
        """Raise the exception that ended the traffic, if there is one."""
        if self._error:
            raise self._error

    def _serve(self) -> None:
        try:
            asyncio.run(self._send())
        except BaseException as error:  # noqa: BLE001 - raised by `check`, in the caller's thread
            self._error = error
            if not self._ready.done():
                self._ready.set_exception(error)

    async def _send(self) -> None:
        async with session(self._plan, *self._observers) as generator:
            self._ready.set_result(generator)
            await generator.go()
