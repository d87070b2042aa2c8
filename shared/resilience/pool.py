"""Pool: a bounded number of threads for blocking calls, with metrics of its use."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from holdfast.shared.telemetry import metrics


class Pool(ThreadPoolExecutor):
    """A thread pool for one kind of blocking calls, so that a hung dependency blocks no other calls. `name` labels its
    metrics and threads.

        pool = Pool("database", threads=16)
        rows = await asyncio.get_running_loop().run_in_executor(pool, fetch)
    """

    def __init__(self, name: str, threads: int) -> None:
        super().__init__(threads, thread_name_prefix=name)
        self._taken = 0
        self._counting = threading.Lock()
        metrics.pool_capacity.labels(name).set(threads)
        metrics.pool_in_use.labels(name).set_function(lambda: self._taken)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submit a call, as any executor does. Calls that wait for a thread count as in use."""
        future = super().submit(fn, *args, **kwargs)
        with self._counting:
            self._taken += 1
        future.add_done_callback(self._done)
        return future

    def _done(self, _: Future[Any]) -> None:
        with self._counting:
            self._taken -= 1
