"""Keeper: makes sure that some replica drives every active replay, even if the one that drove it dies."""

import asyncio
import secrets
from collections.abc import Callable

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.replays.driver import Driver, Look
from holdfast.services.dlq_admin.replays.sender import Sender
from holdfast.services.dlq_admin.replays.traces import Traces
from holdfast.shared.faults import Fault
from holdfast.shared.letters.replays import lease, read
from holdfast.shared.letters.replays.lease import Lease
from holdfast.shared.letters.replays.read import Replay
from holdfast.shared.resilience import supervise
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

#: Most replays per replica: those that still send, and all of them, many of which only wait for results.
_AT_ONCE, _MOST = 4, 64
_EVERY_S = 1.0

#: Called when this replica begins to drive a replay (False), and when the replay ends (True). Must return at once.
Notify = Callable[[Replay, bool], None]


class Keeper:
    """Runs the drivers of this replica. `instance`: the replica's name, which stays the same after a restart."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        traces: Traces,
        look: Look,
        *,
        instance: str,
        lease_s: float,
        notify: Notify,
    ) -> None:
        self._database = database
        self._sender = sender
        self._traces = traces
        self._look = look
        self._name = f"{instance}/"
        self._owner = self._name + secrets.token_hex(4)
        self._lease_s = lease_s
        self._notify = notify
        self._driven: dict[int, tuple[Lease, Driver, asyncio.Task[None]]] = {}
        self._wake = asyncio.Event()
        self._reporter = FailureReporter("keeper")

    def wake(self, replay_id: int) -> None:
        """Look at a changed replay at once."""
        if replay_id in self._driven:
            self._driven[replay_id][1].wake.set()
        self._wake.set()

    async def run(self) -> None:
        """Take and drive active replays until cancelled."""
        predecessor = self._name
        while True:
            with self._reporter.suppressing(Fault):
                await self._take(predecessor)
                predecessor = ""
            try:
                async with asyncio.timeout(_EVERY_S):
                    await self._wake.wait()
                self._wake.clear()
            except TimeoutError:
                pass

    async def stop(self) -> None:
        """Release every lease. The next driver asks the queue about entries in flight."""
        driven = list(self._driven.values())
        await supervise.stop(task for _, _, task in driven)
        with self._reporter.suppressing(Fault):
            for mine, _, _ in driven:
                await self._database.work(lease.release, mine)

    async def _take(self, predecessor: str) -> None:
        senders = _AT_ONCE - sum(driver.sends for _, driver, _ in self._driven.values())
        room = _MOST - len(self._driven)
        # Replays that send keep no other one waiting, such as one that was cancelled.
        most = min(senders, room) if senders > 0 else room
        if most <= 0:
            return
        taken = await self._database.work(
            lease.take, self._owner, self._lease_s, most=most, predecessor=predecessor, senders=senders > 0
        )
        for mine in taken:
            logs.info(Action.REPLAY_TAKEN, replay=mine.replay_id, token=mine.token)
            if mine.replay_id in self._driven:  # our own lease lapsed: the driver will notice
                self._driven[mine.replay_id][2].cancel()
            driver = Driver(mine, self._database, self._sender, self._traces, self._look)
            task = asyncio.create_task(self._drive(mine, driver))
            self._driven[mine.replay_id] = (mine, driver, task)
            metrics.replays_driven.set(len(self._driven))

    async def _drive(self, mine: Lease, driver: Driver) -> None:
        try:
            with self._reporter.suppressing(Fault):
                if (begun := await self._database.work(read.replay, mine.replay_id)) is not None:
                    self._notify(begun, False)
            ended = await driver.run()
            if ended is not None:
                logs.info(Action.REPLAY_ENDED, replay=ended.id, counts=dict(ended.counts))
                self._notify(ended, True)
        except Exception as error:  # noqa: BLE001 - a bug: logged, and tried again when the lease has lapsed
            logs.error(Action.REPLAY_FAILED, exc=error, replay=mine.replay_id)
        finally:
            if self._driven.get(mine.replay_id, (None,))[0] is mine:
                del self._driven[mine.replay_id]
            metrics.replays_driven.set(len(self._driven))
