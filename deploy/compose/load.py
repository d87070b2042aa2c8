"""Load: clients that ask only for what is safe to ask again: reads, and writes that carry a key. None of them asks
twice itself, so every request that is lost on the way is counted.

What an api itself refuses, because the machine or a store is too busy, is told apart: it was not lost.
"""

import http.client
import json
import secrets
import threading
from collections import Counter
from types import TracebackType

_TIMEOUT_S = 20.0
#: Between two requests of a client: the load is there to be missed, not to be carried.
_PAUSE_S = 0.03
#: What only a proxy says.
_LOST = (b'"NO_REPLICA"', b'"ANSWER_LOST"')


class Load:
    """`with Load(address) as load: ...`; then `good`, `refused`, and in `bad` what was lost: counts."""

    def __init__(self, address: str, clients: int = 6) -> None:
        self.good = 0
        self.refused = 0
        self.bad: Counter[str] = Counter()
        self._address = address
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._clients = [threading.Thread(target=self._ask_on, daemon=True) for _ in range(clients)]

    def __enter__(self) -> "Load":
        """They begin."""
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """They finish what they asked last."""
        self._ended.set()
        for client in self._clients:
            client.join(2 * _TIMEOUT_S)

    def _ask_on(self) -> None:
        run, number, known = secrets.token_hex(6), 0, ""
        connection = http.client.HTTPConnection(self._address, timeout=_TIMEOUT_S)
        while not self._ended.wait(_PAUSE_S):
            number += 1
            try:
                if not known or number % 2:
                    known = self._write(connection, f"{run}-{number}") or known
                else:
                    self._count(connection, "GET", f"/users/{known}")
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                with self._lock:
                    self.bad[f"{type(error).__name__}: {error}"] += 1
                self._ended.wait(0.05)
        connection.close()

    def _write(self, connection: http.client.HTTPConnection, key: str) -> str:
        body = json.dumps({"name": "Load", "email": f"load-{key}@example.com"})
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        answer = self._count(connection, "POST", "/users", body, headers)
        return str(json.loads(answer)["data"]["id"]) if answer else ""

    def _count(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        """The body of a good answer; nothing of another."""
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        text = response.read()
        with self._lock:
            if response.status < 400:
                self.good += 1
                return text
            if not any(code in text for code in _LOST):
                self.refused += 1
                return b""
            self.bad[f"{method} {response.status}: {text[:200].decode(errors='replace')}"] += 1
        return b""
