"""Traffic: clients that write and read, at a steady pace, whatever they are answered."""

import http.client
import json
import threading
import time
from itertools import count

_PER_S = 20
_TIMEOUT_S = 3.0


class Traffic:
    """`with Traffic(address, key):` half of it writes, half of it reads a user that it wrote before."""

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._over = threading.Event()
        self._workers = [threading.Thread(target=self._work, args=(number,)) for number in range(2)]
        self._began = time.time_ns()

    def __enter__(self) -> "Traffic":
        """From now on."""
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        """No more of it."""
        self._over.set()
        for worker in self._workers:
            worker.join()

    def _work(self, worker: int) -> None:
        read = "/users/none"
        for number in count():
            if self._over.wait(2 * len(self._workers) / _PER_S):
                return
            body = {"name": "Ada", "email": f"a{self._began}-{worker}-{number}@example.com"}
            written = self._ask("POST", "/users", body)
            data = (written or {}).get("data") or {}
            read = f"/users/{data['id']}" if "id" in data else read
            self._ask("GET", read, None)

    def _ask(self, method: str, path: str, body: object) -> dict[str, dict[str, str]] | None:
        connection = http.client.HTTPConnection(self._address, timeout=_TIMEOUT_S)
        try:
            connection.request(method, path, json.dumps(body) if body else None, self._headers)
            answer: dict[str, dict[str, str]] = json.loads(connection.getresponse().read())
            return answer
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()
