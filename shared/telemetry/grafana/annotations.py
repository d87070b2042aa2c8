"""Annotations: marks periods on Grafana's dashboards: a replay, a breaker's override, a chaos run. Annotations are sent
in the background: adding one takes no time and never fails, and without Grafana they are dropped."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple, Never

from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.grafana.client import Grafana, GrafanaFailed
from holdfast.shared.telemetry.logs import Action

_WAITING_MAX = 200
_ATTEMPTS = 3
_MS = 1000


class Annotation(NamedTuple):
    """A period, in Unix seconds. An annotation amends an earlier one with the same `key`. If `ended_s` is None, the
    period goes on."""

    key: str
    text: str
    tags: tuple[str, ...]
    began_s: float
    ended_s: float | None = None


class Annotations:
    """A queue of annotations, sent to `grafana` one after the other. If `grafana` is None, all of them are dropped.

    annotations.add(Annotation("replay:7", "Replay 7", ("replay",), began_s=time.time()))
    """

    def __init__(self, grafana: Callable[[], Grafana] | None, *, timeout_s: float, pause_s: float = 1.0) -> None:
        self._connect = grafana
        self._grafana: Grafana | None = None
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._waiting: asyncio.Queue[Annotation] = asyncio.Queue(_WAITING_MAX)

    def add(self, annotation: Annotation) -> None:
        """Queue an annotation. If the queue is full, the annotation is dropped and counted."""
        if self._connect is None:
            return
        try:
            self._waiting.put_nowait(annotation)
        except asyncio.QueueFull:
            metrics.annotations.labels("dropped").inc()

    async def run(self) -> Never:
        """Send queued annotations until cancelled."""
        while True:
            annotation = await self._waiting.get()
            metrics.annotations.labels("sent" if await self._sent(annotation) else "failed").inc()

    async def _sent(self, annotation: Annotation) -> bool:
        for left in reversed(range(_ATTEMPTS)):
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._send(annotation)
                return True
            except (GrafanaFailed, TimeoutError) as error:
                if not left:
                    logs.warning(Action.ANNOTATION_FAILED, key=annotation.key, error=str(error) or "too slow")
            await asyncio.sleep(self._pause_s)
        return False

    async def _send(self, annotation: Annotation) -> None:
        if self._grafana is None:
            assert self._connect is not None  # noqa: S101 - otherwise nothing is queued
            self._grafana = self._connect()
        began = int(annotation.began_s * _MS)
        ended = int((annotation.ended_s if annotation.ended_s is not None else time.time()) * _MS)
        tags = ["holdfast", annotation.key, *annotation.tags]
        known = await self._grafana.find(annotation.key)
        if known is None:
            await self._grafana.add(began, ended, tags, annotation.text)
        elif annotation.ended_s is not None:
            await self._grafana.amend(known, began, ended, tags, annotation.text)
