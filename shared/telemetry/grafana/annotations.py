"""Annotations: what somebody did, from when to when: a replay, a breaker's override, a chaos run. Saying so costs the
caller nothing and never fails; a Grafana that is absent or slow is only not told."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple, Never

from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.grafana.client import Grafana, GrafanaFailed
from holdfast.shared.telemetry.logs import Action

_WAITING_MAX = 200
_TRIES = 3
_MS = 1000


class Annotation(NamedTuple):
    """`key`: the same thing, told again, is amended. `ended_s` None: it goes on. Times are Unix seconds."""

    key: str
    text: str
    tags: tuple[str, ...]
    began_s: float
    ended_s: float | None = None


class Annotations:
    """Tells `grafana`, one after the other. None: nobody is told."""

    def __init__(self, grafana: Callable[[], Grafana] | None, *, timeout_s: float, pause_s: float = 1.0) -> None:
        self._connect = grafana
        self._grafana: Grafana | None = None
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._waiting: asyncio.Queue[Annotation] = asyncio.Queue(_WAITING_MAX)

    def say(self, said: Annotation) -> None:
        """At once; what is too much is left untold."""
        if self._connect is None:
            return
        try:
            self._waiting.put_nowait(said)
        except asyncio.QueueFull:
            metrics.annotations.labels("dropped").inc()

    async def run(self) -> Never:
        """For ever."""
        while True:
            said = await self._waiting.get()
            metrics.annotations.labels("told" if await self._insist(said) else "failed").inc()

    async def _insist(self, said: Annotation) -> bool:
        for left in reversed(range(_TRIES)):
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._tell(said)
                return True
            except (GrafanaFailed, TimeoutError) as error:
                if not left:
                    logs.warning(Action.ANNOTATION_FAILED, key=said.key, error=str(error) or "too slow")
            await asyncio.sleep(self._pause_s)
        return False

    async def _tell(self, said: Annotation) -> None:
        if self._grafana is None:
            assert self._connect is not None  # noqa: S101 - else nothing waits
            self._grafana = self._connect()
        began = int(said.began_s * _MS)
        ended = int((said.ended_s if said.ended_s is not None else time.time()) * _MS)
        tags = ["holdfast", said.key, *said.tags]
        known = await self._grafana.find(said.key)
        if known is None:
            await self._grafana.add(began, ended, tags, said.text)
        elif said.ended_s is not None:
            await self._grafana.amend(known, began, ended, tags, said.text)
