"""Announce: what breaks something on purpose reports it to dlq_admin, which shows it on dashboards and in metrics.

    with Announcer.to(stack).announced("database-down", "database"):
        ...break it, and mend it

A thread repeats the announcement every few seconds, so that the fault of a runner that was killed ends by itself.
Nothing here fails or waits longer than a moment: a dlq_admin that does not respond only misses it.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, Protocol, Self
from urllib.parse import quote

from deploy.client.request import bearer, request_json
from deploy.local.output import Problem

FOR_S = 10.0
_AGAIN_S = 3.0
_TIMEOUT_S = 1.0

Target = Literal[
    "database", "queue", "cache", "third_party", "api", "writer", "external_proxy", "dlq_admin", "network", "host"
]
Phase = Literal["detect", "contain", "resume", "drain", "steady"]
Verdict = Literal["passed", "failed", "unknown"]


class _Stack(Protocol):
    @property
    def operator_key(self) -> str: ...
    def url(self, program: str) -> str: ...


class Announcement:
    """A fault that is on until `end`, which may be called more than once."""

    def __init__(self, announcer: "Announcer", fault: str, target: Target) -> None:
        self._announcer = announcer
        self._path = f"/faults/{quote(fault, safe='')}"
        self._target = target
        self._over = threading.Event()
        self._announce()
        self._thread = threading.Thread(target=self._repeat, name=f"announce {fault}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End the fault."""
        if self._over.is_set():
            return
        self._over.set()
        self._thread.join()  # otherwise the thread could announce the fault once more
        self._announcer.send("DELETE", f"{self._path}?target={self._target}")

    def _repeat(self) -> None:
        while not self._over.wait(_AGAIN_S):
            self._announce()

    def _announce(self) -> None:
        self._announcer.send("PUT", self._path, {"target": self._target, "for_s": FOR_S})


class Announcer:
    """Announces faults to dlq_admin at `url` with `key`. Without a key nothing is announced."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key

    @classmethod
    def to(cls, stack: _Stack) -> Self:
        """Return an announcer for the dlq_admin of HOLDFAST_DLQ_URL and HOLDFAST_DLQ_KEY (or HOLDFAST_OPERATOR_TOKEN),
        else for that of this stack."""
        try:
            url = os.environ.get("HOLDFAST_DLQ_URL") or stack.url("dlq_admin")
        except Problem:
            return cls("", "")  # its port is not published
        named = os.environ.get("HOLDFAST_DLQ_KEY") or os.environ.get("HOLDFAST_OPERATOR_TOKEN")
        return cls(url, named or stack.operator_key)

    def begin(self, fault: str, target: Target) -> Announcement:
        """Begin to announce a fault. `fault`: a name of a-z, 0-9 and -."""
        return Announcement(self, fault, target)

    @contextmanager
    def announced(self, fault: str, target: Target) -> Iterator[None]:
        """Announce a fault while the context lasts."""
        announcement = self.begin(fault, target)
        try:
            yield
        finally:
            announcement.end()

    def recovered(self, fault: str, phases_s: Mapping[Phase, float | None], verdict: Verdict) -> bool:
        """Report how long the system took to recover. Return whether dlq_admin accepted the report."""
        payload = {f"{phase}_s": seconds for phase, seconds in phases_s.items()}
        return self.send("PUT", f"/recoveries/{quote(fault, safe='')}", payload | {"verdict": verdict})

    def send(self, method: str, path: str, payload: Mapping[str, object] | None = None) -> bool:
        """Send one request, and return whether it succeeded."""
        if not self._key:
            return False
        return request_json(self._url, method, path, payload or {}, bearer(self._key), _TIMEOUT_S).status == 200
