"""Arrivals: the requests that really reached the stand-in."""

import time
from collections import deque
from collections.abc import Mapping

_KEPT = 10_000
_HEADERS = ("idempotency-key", "x-request-id", "traceparent", "x-attempt-count", "x-request-timeout-ms")


class Arrivals:
    """A bounded log, newest last. The count includes what the log no longer holds."""

    def __init__(self) -> None:
        self._count = 0
        self._log: deque[dict[str, str | float | None]] = deque(maxlen=_KEPT)

    def note(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """One request has arrived, whatever becomes of it."""
        self._count += 1
        noted = {name.replace("-", "_"): headers.get(name) for name in _HEADERS}
        self._log.append({"at": time.time(), "method": method, "path": path, **noted})

    def clear(self) -> None:
        """Start counting again."""
        self._count = 0
        self._log.clear()

    def as_json(self) -> dict[str, object]:
        """`count`, and `arrivals` of {at (Unix seconds), method, path, headers that matter or null}."""
        return {"count": self._count, "arrivals": list(self._log)}
