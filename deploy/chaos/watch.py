"""Watch: what the breakers do, from outside, through the whole run."""

import threading
import time
from datetime import datetime
from typing import Self

from deploy.scenarios.ask import ask

_EVERY_S = 0.25
_PATIENCE_S = 2.0


class Watch:
    """`with Watch(api, token) as watch: ...`."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        #: (service, breaker) -> when it was first seen open, Unix seconds.
        self.opened: dict[tuple[str, str], float] = {}
        #: When the last breaker that has ever opened was closed again, Unix seconds.
        self.calm_since = 0.0

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._ended.set()
        self._thread.join(_PATIENCE_S + 1)

    def _look(self) -> None:
        while not self._ended.wait(_EVERY_S):
            answer = ask(self._address, "GET", "/circuit-breaker/status", None, self._headers, _PATIENCE_S)
            if answer.status != 200:
                continue
            breakers = [one for one in answer.body["data"]["circuit_breakers"] if not one["report"]["stale"]]
            # Not closed is enough: a probe may be under way at the moment of the look.
            away = [one for one in breakers if one["state"] != "closed"]
            for one in away:
                self.opened.setdefault((one["service"], one["name"]), time.time())
            closed = [datetime.fromisoformat(one["since"]).timestamp() for one in breakers if one["opened"]]
            self.calm_since = time.time() if away else max(closed, default=0.0)
