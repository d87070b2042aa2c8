"""Driver: runs one replay from its lease to its end: send, record, find results, decide whether to continue; repeat.

A failure in between leaves items of which it is unknown whether they were sent. The queue knows, so the driver asks it
after every failure, and at the start.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.replays.held import Held
from holdfast.services.dlq_admin.replays.pace import Bucket, canary_allows
from holdfast.services.dlq_admin.replays.searcher import Searcher
from holdfast.services.dlq_admin.replays.sender import Sender, sendable
from holdfast.services.dlq_admin.replays.stop_rules import Recent, Surroundings, why_stop
from holdfast.services.dlq_admin.replays.traces import Traces
from holdfast.shared.letters.replays import read, results, sending
from holdfast.shared.letters.replays.lease import Lease, LeaseLost, release
from holdfast.shared.letters.replays.plan import END, WAITING_FOR_A_PERSON, ItemState, ReplayState
from holdfast.shared.letters.replays.read import Replay
from holdfast.shared.letters.replays.results import Result
from holdfast.shared.letters.replays.sending import Chosen, Sent
from holdfast.shared.resilience.failure_reporter import AWAY, FailureReporter
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

_BATCH = 250
_PAGE = 1000
_TRACK_EVERY_S, _TRACK_IDLE_S = 0.1, 1.0
#: If no item ends for this long (s), the results of items in flight are searched for.
_SEARCH_EVERY_S = 1.0
#: Number of searches without a result after which results are polled less often.
_PATIENT_AFTER = 5
_STEP_IDLE_S = 0.25
_AROUND_EVERY_S = 0.5
_AGAIN_CAP_S = 2.0
_TICK_S = 0.01

#: Reads what else goes on, given how many entries on the write stream are this replay's, and since when it runs.
Look = Callable[[int, float], Awaitable[Surroundings]]


class _Parked(Exception):
    """Nothing is in flight, and nothing will be sent until an operator resumes the replay."""


class Driver:
    """Drives one replay while it holds the lease. `wake` is set after a change of the replay."""

    def __init__(self, lease: Lease, database: Database, sender: Sender, traces: Traces, look: Look) -> None:
        self._lease = lease
        self._work = database.work_again
        self._searcher = Searcher(lease.replay_id, database, sender, traces)
        self._sender = sender
        self._look = look
        self._reporter = FailureReporter("replay")
        self.wake = asyncio.Event()
        self._sent: list[Sent] = []
        self._replay: Replay | None = None
        self._bucket: Bucket | None = None
        self._recent = Recent()
        self._unsure = True
        self._held, self._again_at = Held(), 0.0
        self._away_reporter = FailureReporter("replay")
        #: The order to end the replay that was carried out in every partition, or None.
        self._closed: ReplayState | None = None
        #: Number of ended items at the last decision whether to continue. Nothing is sent before the next decision.
        self._judged = 0
        self._stepped_at = self._tracked_at = self._looked_at = 0.0
        self._running_since = self._progress_at = time.monotonic()
        self._fruitless = 0

    async def run(self) -> Replay | None:
        """Drive the replay to its end and return it. Return None if another replica or an operator has to go on."""
        try:
            while True:
                try:
                    with self._reporter:
                        ended = await self._once()
                    if ended is not None:
                        return ended
                except AWAY:
                    self._unsure, self._closed, self._sent = True, None, []
                    await asyncio.sleep(random.uniform(0.05, _AGAIN_CAP_S))  # noqa: S311 - jitter
        except LeaseLost:
            return None
        except _Parked:
            await self._work(release, self._lease)
            return None

    @property
    def sends(self) -> bool:
        """Whether there is more to send, as far as is known."""
        return self._replay is None or self._want_more(self._replay)

    def _want_more(self, replay: Replay) -> bool:
        return replay.state is ReplayState.RUNNING and replay.counts[ItemState.WAITING] > 0

    async def _once(self) -> Replay | None:
        """Do one round, and return the replay if it is over."""
        now = time.monotonic()
        again = not self._held.away or now >= self._again_at
        if self._unsure or (self._held.away and again):
            await self._make_sure()
        want = self._want(now)
        replay = self._replay
        if self._sent or want or replay is None or now - self._stepped_at > _STEP_IDLE_S:
            replay = await self._step(want)
        if self._is_open(replay) and again:
            await self._close(replay)
        if now - self._tracked_at > (_TRACK_EVERY_S if replay.counts.in_flight else _TRACK_IDLE_S):
            replay = await self._track(now)
        nothing_left = not replay.counts.unfinished and not self._sent and not self._is_open(replay)
        if nothing_left and (ended := await self._work(results.end, self._lease)) is not None:
            await self._sender.forget(self._lease.replay_id)
            return ended
        if replay.state in WAITING_FOR_A_PERSON and not replay.counts.in_flight and not self._sent:
            raise _Parked
        await self._judge(replay, now)
        if not self._sent:
            await self._rest(replay)
        return None

    async def _make_sure(self) -> None:
        """Resolve items that were about to be sent: send them if the replay runs, else ask the queue about them."""
        replay = await self._make_sure_of_sent()
        held, after = Held(), -1
        while chosen := await self._in_state(ItemState.SENDING, after):
            after = chosen[-1].position
            chosen = await self._only_sendable(chosen)
            if replay.state is ReplayState.RUNNING:
                sent = await self._sender.send(self._lease.replay_id, chosen, held)
            else:
                sent = await self._sender.ask(self._lease.replay_id, chosen, held)
            replay, _ = await self._work(sending.step, self._lease, sent, 0)
            self._keep(replay)
        self._hold(held.following(self._held))
        self._unsure = False

    def _hold(self, held: Held) -> None:
        self._held, self._again_at = held, time.monotonic() + _AGAIN_CAP_S
        with self._away_reporter.suppressing(*AWAY):
            held.raise_one()

    def _want(self, now: float) -> int:
        replay = self._replay
        if replay is None or self._held.at_end or not self._want_more(replay) or self._judged != replay.counts.ended:
            return 0
        if self._bucket is None:
            self._bucket = Bucket(replay.plan.rate_per_s, now)
        # Items that may have been sent to a partition that is down keep no other letter waiting.
        doubtful = replay.counts[ItemState.SENDING] - len(self._sent) if self._held.away else 0
        in_flight = replay.counts.in_flight - doubtful
        allowed = canary_allows(replay.plan.canary, replay.counts.sent - doubtful, in_flight)
        if allowed is not None:
            return min(allowed, _BATCH)
        return max(0, min(self._bucket.has(now), replay.plan.in_flight_max - in_flight, _BATCH))

    async def _step(self, want: int) -> Replay:
        sent, self._sent = self._sent, []
        replay, chosen = await self._work(sending.step, self._lease, sent, want, self._held.position)
        self._stepped_at = time.monotonic()
        self._keep(replay)
        if chosen:
            good, waiting = self._sender.without_held(await self._only_sendable(chosen), self._held)
            sent = await self._sender.send(self._lease.replay_id, good, self._held)
            self._sent = waiting + sent
            metrics.replay_sent.inc(len(sent))
            if self._bucket is not None:
                self._bucket.spend(len(good))
        if self._held.away and want:
            self._held.at_end = not chosen
            self._held.position = max([self._held.position, *(one.position for one in chosen)])
        return replay

    async def _only_sendable(self, chosen: list[Chosen]) -> list[Chosen]:
        """Return the sendable letters, and settle the others as unsendable."""
        bad = [one for one in chosen if not sendable(one.letter)]
        if bad:
            why = {"why": "too many fields"}
            await self._settle([Result(one.position, one.letter.number, ItemState.UNSENDABLE, why) for one in bad])
        return [one for one in chosen if sendable(one.letter)]

    async def _track(self, now: float) -> Replay:
        self._tracked_at = now
        found = await self._work(results.look, self._lease.replay_id, _PAGE)
        over = found
        if not over and now - self._progress_at > _SEARCH_EVERY_S:
            over = await self._searcher.find()
            self._progress_at = now
            self._fruitless += 1
        if over:
            self._progress_at = now
            self._fruitless = 0
            await self._settle(over)
            self._recent.add(one.state for one in over)
            if len(found) == _PAGE:
                self._tracked_at = 0.0
        assert self._replay is not None  # noqa: S101 - a step came first
        return self._replay

    async def _settle(self, over: Sequence[Result]) -> None:
        replay, count = await self._work(results.settle, self._lease, over)
        metrics.replay_results.inc(count)
        self._keep(replay)

    def _is_open(self, replay: Replay) -> bool:
        """Return whether the replay is to end, and may still send something in some partition."""
        return replay.state in END and replay.state is not self._closed

    async def _close(self, replay: Replay) -> None:
        """Close the replay, so that no replica sends more of it. Letters that were not sent leave the replay, as do
        those that a recall takes back; in a partition that is down, once it is back and closed."""
        await self._make_sure_of_sent()
        held = await self._sender.close(replay.id)
        for state in (ItemState.SENDING, ItemState.WAITING):
            after = -1
            while chosen := await self._in_state(state, after):
                after = chosen[-1].position
                asked = await self._sender.ask(replay.id, chosen, held)
                went = [one for one in asked if one.entry_id is not None]
                await self._work(sending.step, self._lease, went, 0)
                rest = [one for one in asked if one.entry_id is None]
                await self._settle([Result(one.position, one.letter, ItemState.WITHDRAWN) for one in rest])
        if replay.state is ReplayState.RECALLING:
            await self._recall(replay.id, held)
        self._hold(held)
        self._closed = None if held.away else replay.state

    async def _make_sure_of_sent(self) -> Replay:
        sent, self._sent = self._sent, []
        replay, _ = await self._work(sending.step, self._lease, sent, 0)
        self._keep(replay)
        return replay

    async def _recall(self, replay_id: int, held: Held) -> None:
        after: int | None = None
        while page := await self._work(read.item_page, replay_id, [ItemState.SENT], after=after, limit=_PAGE // 4):
            after = page[-1].position
            entries = {item.position: item.entry_id or "" for item in page}
            chosen = await self._work(sending.these, [(item.position, item.letter) for item in page])
            back = await self._sender.recall(replay_id, chosen, entries, held)
            await self._settle([Result(one.position, one.letter.number, ItemState.RECALLED) for one in back])

    async def _judge(self, replay: Replay, now: float) -> None:
        nothing_new = now - self._looked_at < _AROUND_EVERY_S and replay.counts.ended == self._judged
        if replay.state is not ReplayState.RUNNING or nothing_new:
            return
        around = await self._look(replay.counts.in_flight, self._running_since)
        why = why_stop(replay.plan.stop, replay.counts, replay.base, self._recent, around)
        if why is not None:
            logs.warning(Action.REPLAY_STOPPED, replay=replay.id, why=why)
            await self._work(results.stop, self._lease, why)
            self._keep(None)
        self._looked_at, self._judged = now, replay.counts.ended

    async def _rest(self, replay: Replay) -> None:
        """Wait until there may be something to do."""
        seconds = _TRACK_IDLE_S
        if replay.counts.in_flight and self._fruitless < _PATIENT_AFTER:
            seconds = _TICK_S * 2
        if replay.state is ReplayState.RUNNING and self._held.at_end:
            seconds = min(seconds, _STEP_IDLE_S)
        elif replay.state is ReplayState.RUNNING and self._bucket is not None:
            seconds = min(seconds, max(_TICK_S, self._bucket.wait_s()))
        elif replay.state is ReplayState.RUNNING:
            seconds = _TICK_S
        try:
            async with asyncio.timeout(seconds):
                await self.wake.wait()
            self.wake.clear()
            self._stepped_at = 0.0
        except TimeoutError:
            pass

    async def _in_state(self, state: ItemState, after: int) -> list[Chosen]:
        return await self._work(sending.in_state, self._lease, state, _PAGE, after)

    def _keep(self, replay: Replay | None) -> None:
        before = self._replay
        if before and replay and before.state is not replay.state and replay.state is ReplayState.RUNNING:
            self._recent.clear()
            self._held.anew()
            self._bucket, self._running_since = None, time.monotonic()
        if replay is not None:
            self._replay = replay
        else:
            self._stepped_at = 0.0
