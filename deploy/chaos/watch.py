"""Watch: observes the breakers from outside during the whole run."""

import threading
from datetime import datetime
from typing import Self

from deploy.client.open_loop import now
from deploy.client.request import bearer, request

_EVERY_S = 0.25
_PATIENCE_S = 2.0


class Watch:
    """Observes breakers: `with Watch("127.0.0.1:8080", key) as watch: ...`."""

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        self._headers = bearer(key)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        #: (service, breaker) -> when it was first seen open, in Unix seconds.
        self.opened: dict[tuple[str, str], float] = {}
        #: When the last breaker that had ever opened was closed again, in Unix seconds.
        self.calm_since = 0.0

    def __enter__(self) -> Self:
        """Begin to poll."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop polling."""
        self._ended.set()
        self._thread.join(_PATIENCE_S + 1)

    def _look(self) -> None:
        while not self._ended.wait(_EVERY_S):
            path = "/circuit-breaker/status"
            response = request(self._address, "GET", path, None, self._headers, _PATIENCE_S)
            if response.status != 200:
                continue
            breakers = [one for one in response.body["data"]["circuit_breakers"] if not one["report"]["stale"]]
            # Every state but closed counts as open: a probe may be in flight at this moment.
            not_closed = [one for one in breakers if one["state"] != "closed"]
            for one in not_closed:
                self.opened.setdefault((one["service"], one["name"]), now())
            closed = [datetime.fromisoformat(one["since"]).timestamp() for one in breakers if one["opened"]]
            self.calm_since = now() if not_closed else max(closed, default=0.0)
