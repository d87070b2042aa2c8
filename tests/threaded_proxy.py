"""The fault proxy for code that is not asynchronous: it runs in a thread with an event loop of its own."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from deploy.faults.faults import Faults
from deploy.faults.proxy import Proxy

T = TypeVar("T")

_PATIENCE_S = 10.0


class FaultProxy:
    """`with FaultProxy("127.0.0.1", 3306) as proxy: proxy.set(Faults.both(blackhole=True)); proxy.heal()`."""

    def __init__(self, target_host: str, target_port: int) -> None:
        self._proxy = Proxy(target_host, target_port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)

    def __enter__(self) -> "FaultProxy":
        """Listen on a free port of 127.0.0.1."""
        self._thread.start()
        self._run(self._proxy.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections, and end the thread."""
        self._run(self._proxy.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        return self._proxy.port

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return self._proxy.connections

    @property
    def lost_replies(self) -> int:
        """The number of replies lost since the faults were set."""
        return self._proxy.lost_replies

    def redirect(self, host: str, port: int) -> None:
        """Send new connections to another server from now on. Open connections stay where they are."""
        self._proxy.redirect(host, port)

    def set(self, faults: Faults) -> None:
        """Set the faults, which apply to open connections too. They are in force when this returns."""
        self._run(self._proxy.set(faults))

    def heal(self) -> None:
        """Remove all faults."""
        self.set(Faults())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)
