"""Announce: whoever breaks something on purpose says so to dlq_admin, which shows it on dashboards and in metrics.

    with Announcer.of_this_clone().announced("database-down", "database"):
        ...break it, and mend it

It is said again every few seconds from a thread, so that the fault of a runner that was killed ends by itself. Nothing
here fails, and nothing waits longer than a moment: a dlq_admin that does not answer is only not told.
"""

import http.client
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, Self
from urllib.parse import quote, urlsplit

from deploy.local.places import SECRETS
from deploy.local.settings import saved

FOR_S = 10.0
_AGAIN_S = 3.0
_TIMEOUT_S = 1.0

Target = Literal[
    "database", "queue", "cache", "third_party", "api", "writer", "external_proxy", "dlq_admin", "network", "host"
]
Phase = Literal["detect", "contain", "resume", "drain", "steady"]
Verdict = Literal["passed", "failed", "unknown"]

_STORES: Mapping[str, Target] = {"mariadb": "database", "redis-queue": "queue", "redis-cache": "cache"}


class Announcement:
    """A fault that is on until `end`, which may be called more than once."""

    def __init__(self, announcer: "Announcer", fault: str, target: Target) -> None:
        self._announcer = announcer
        self._path = f"/faults/{quote(fault, safe='')}"
        self._target = target
        self._over = threading.Event()
        self._say()
        self._thread = threading.Thread(target=self._repeat, name=f"announce {fault}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """It is over."""
        if self._over.is_set():
            return
        self._over.set()
        self._thread.join()  # or it would say once more that the fault is on
        self._announcer.tell("DELETE", f"{self._path}?target={self._target}")

    def _repeat(self) -> None:
        while not self._over.wait(_AGAIN_S):
            self._say()

    def _say(self) -> None:
        self._announcer.tell("PUT", self._path, {"target": self._target, "for_s": FOR_S})


class Announcer:
    """`url` and `key` of dlq_admin; without a key nobody is told."""

    def __init__(self, url: str, key: str) -> None:
        self._url = urlsplit(url)
        self._key = key

    @classmethod
    def of_this_clone(cls) -> Self:
        """HOLDFAST_DLQ_URL and HOLDFAST_DLQ_KEY (or HOLDFAST_OPERATOR_TOKEN), or the local stack of this clone."""
        settings = saved()
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.listen_host, settings.listen_host)  # noqa: S104
        url = os.environ.get("HOLDFAST_DLQ_URL") or f"http://{host}:{settings.dlq_port}"
        key = os.environ.get("HOLDFAST_DLQ_KEY") or os.environ.get("HOLDFAST_OPERATOR_TOKEN") or _drawn()
        return cls(url, key)

    def begin(self, fault: str, target: Target) -> Announcement:
        """It is on. `fault`: a name of a-z, 0-9 and -."""
        return Announcement(self, fault, target)

    @contextmanager
    def announced(self, fault: str, target: Target) -> Iterator[None]:
        """It is on in this block."""
        announcement = self.begin(fault, target)
        try:
            yield
        finally:
            announcement.end()

    def recovered(self, fault: str, phases_s: Mapping[Phase, float | None], verdict: Verdict) -> bool:
        """How long the system took to get over it; whether dlq_admin took that."""
        told = {f"{phase}_s": seconds for phase, seconds in phases_s.items()}
        return self.tell("PUT", f"/recoveries/{quote(fault, safe='')}", told | {"verdict": verdict})

    def tell(self, method: str, path: str, document: Mapping[str, object] | None = None) -> bool:
        """One request; whether it was taken."""
        if not self._key:
            return False
        secure = self._url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._url.netloc, timeout=_TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(document or {}), headers)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def target_of(program: str) -> Target:
    """What a program of the local stack is called here; `host` for one that nobody thought of."""
    if program.startswith("writer-"):
        return "writer"
    known: dict[str, Target] = {name: name for name in ("third_party", "api", "external_proxy", "dlq_admin")}
    return (known | dict(_STORES)).get(program, "host")


def _drawn() -> str:
    """The operator's key of this clone's stack; empty when it was never started."""
    try:
        return (SECRETS / "operator_token").read_text().strip()
    except OSError:
        return ""
