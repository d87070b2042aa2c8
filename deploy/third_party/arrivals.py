"""Arrivals: what really reached the stand-in, for those who count."""

import time
from collections import deque
from collections.abc import Mapping

_KEPT = 10_000
_TOLD = ("idempotency-key", "x-request-id", "traceparent", "x-attempt-count", "x-request-timeout-ms")


class Arrivals:
    """A bounded log, newest last. Everything is counted, also what the log has let go."""

    def __init__(self) -> None:
        self._count = 0
        self._log: deque[dict[str, str | float | None]] = deque(maxlen=_KEPT)

    def note(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """One request has come, whatever becomes of it."""
        self._count += 1
        told = {name.replace("-", "_"): headers.get(name) for name in _TOLD}
        self._log.append({"at": time.time(), "method": method, "path": path, **told})

    def clear(self) -> None:
        """Begin to count anew."""
        self._count = 0
        self._log.clear()

    def told(self) -> dict[str, object]:
        """`count`, and `arrivals` of {at (Unix seconds), method, path, headers that matter or null}."""
        return {"count": self._count, "arrivals": list(self._log)}
