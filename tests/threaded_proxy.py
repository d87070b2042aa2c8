"""The proxy for code that is not asynchronous: in a thread with an event loop of its own."""

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
        """End everything."""
        self._run(self._proxy.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()

    @property
    def port(self) -> int:
        """Where clients connect to."""
        return self._proxy.port

    @property
    def connections(self) -> int:
        """How many are open now."""
        return self._proxy.connections

    @property
    def lost_replies(self) -> int:
        """Replies that were lost since the faults were set."""
        return self._proxy.lost_replies

    def redirect(self, host: str, port: int) -> None:
        """New connections go to another server from now on; open ones stay where they are."""
        self._proxy.redirect(host, port)

    def set(self, faults: Faults) -> None:
        """In force when this returns, on open ones too."""
        self._run(self._proxy.set(faults))

    def heal(self) -> None:
        """No faults any more."""
        self.set(Faults())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)
