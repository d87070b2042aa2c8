"""Reading: keeps one reader running, from before Redis answers for the first time until the service stops.

A reader ends on its own, with exit code 0, when its group is gone. Reading ends a reader that has lost its connection
or has fallen silent. It then starts another as soon as Redis answers.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Sequence

from faststream import FastStream
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from holdfast.shared.connections.connection import code_of
from holdfast.shared.queue.agreement import agree
from holdfast.shared.queue.groups import ensure_groups
from holdfast.shared.queue.partitions import ONE, Partition
from holdfast.shared.queue.watch import Watch
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.resilience.retry import retry_forever
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

_LOOK_EVERY_S = 1.0
_AFTER_CRASH_S = 0.2


class Reading:
    """Runs one reader after another. `make_reader` returns a new FastStream application at each call; `probe_cap_s`:
    most seconds between two attempts to reach Redis."""

    def __init__(
        self,
        redis: Redis,
        make_reader: Callable[[], FastStream],
        watch: Watch,
        *,
        probe_cap_s: float,
        partitions: Sequence[Partition] = ONE,
    ) -> None:
        self._redis = redis
        self._partitions = partitions
        self._make_reader = make_reader
        self._watch = watch
        self._probe_cap_s = probe_cap_s
        self._reporter, self._agreeing = FailureReporter("groups"), FailureReporter("partitions", once=True)
        self._had_groups = False
        self._reader: FastStream | None = None
        self._stop_asked = asyncio.Event()
        #: Called on SIGTERM and SIGINT.
        self.on_signal: Callable[[], None] = self.stop
        self._crashed = metrics.loop_crashes.labels("reading")

    @property
    def stopping(self) -> bool:
        """Whether a stop was requested, so that no new work may start."""
        return self._stop_asked.is_set()

    def stop(self) -> None:
        """Stop reading. Entries that were already read are still handled."""
        self._stop_asked.set()
        if self._reader:
            self._reader.exit()

    async def own_the_signals(self) -> None:
        """Handle SIGTERM and SIGINT here instead of in FastStream, which ends in the same way on a signal and on a lost
        group, so that the two could not be distinguished."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.on_signal)

    async def groups(self) -> None:
        """Wait until Redis answers and the groups exist, or until a stop is requested."""
        made = asyncio.create_task(
            retry_forever(
                self._reporter, (RedisError, OSError), self._ensure_groups, base_s=0.2, cap_s=self._probe_cap_s
            )
        )
        stopped = asyncio.create_task(self._stop_asked.wait())
        await asyncio.wait({made, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not made.done():
            made.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await made

    def minding(self, loop: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
        """Return `loop`, extended so that a missing group is created again: a reader that waits for free capacity would
        not notice that the group is gone."""

        async def run() -> object:
            try:
                return await loop()
            except ResponseError as error:
                if code_of(error) == "NOGROUP":
                    await self._make_groups()
                raise

        return run

    async def run(self) -> None:
        """Keep a reader running until `stop()`."""
        while not self.stopping:
            self._watch.turned()
            await self.groups()
            if self.stopping:
                return
            if self._reader is not None:
                metrics.consumer_restarts.inc()
                if not self._watch.reporter.failing:  # otherwise the cause is logged already
                    logs.warning(Action.CONSUMER_RESTARTED)
            self._watch.began()
            self._watch.lost.clear()
            self._reader = self._make_reader()
            self._reader.on_startup(self.own_the_signals)
            try:
                await self._reader.run()
            except (RedisError, OSError) as error:  # Redis went down; the next reader waits for it
                self._watch.reporter.failed(error)
                await asyncio.sleep(_AFTER_CRASH_S)
            except Exception as error:  # noqa: BLE001 - a bug; the next reader may still work
                logs.error(Action.LOOP_CRASHED, exc=error, loop="reading")
                self._crashed.inc()
                await asyncio.sleep(_AFTER_CRASH_S)

    async def watching(self) -> None:
        """End each reader that has lost its connection or has fallen silent. Never returns."""
        lost = self._watch.lost
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await lost.wait()
            ended = lost.is_set() or self._watch.stalled
            lost.clear()  # in any case: while it is set, this loop never yields to the event loop
            if ended and self._reader and not self.stopping:
                self._reader.exit()

    async def _ensure_groups(self) -> None:
        self._watch.turned()
        await self._make_groups()

    async def _make_groups(self) -> None:
        made = await ensure_groups(self._redis, self._partitions)
        # An emptied queue has to record the number again. The record may be on a shard that is down: reading goes on.
        with self._agreeing.suppressing(RedisError, OSError):
            await agree(self._redis, self._partitions[0].count)
        if self._had_groups:  # otherwise this may be the very first start
            for stream in made:
                metrics.groups_recreated.inc()
                logs.warning(Action.GROUP_RECREATED, stream=stream)
        self._had_groups = True
