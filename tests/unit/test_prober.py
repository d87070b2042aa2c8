"""The prober, in virtual time: it probes as often after an hour as after a second, and no call serves as a probe
meanwhile."""

import random
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.shared.faults import BadData, Outage
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.prober import Probe, Prober
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.breaker.snapshot import State
from holdfast.shared.resilience.breaker.verdict import Verdict
from holdfast.shared.runtime.time_budgets import PROBE_EVERY_S, PROBE_REFUSED_EVERY_S, PROBE_REFUSED_MAX_S
from tests.unit.breakers import Clock, breaker, fail, opened, succeed

ANN = {"actor": "ann", "reason": "drill"}


class Store:
    """A store that answers and takes writes only if it is set to, and that counts its calls."""

    def __init__(self) -> None:
        self.answers = self.writable = False
        self.asked = self.written = 0

    async def ask(self) -> None:
        """Count a round trip. Raises Outage if the store does not answer."""
        self.asked += 1
        if not self.answers:
            raise Outage("away")

    async def write(self) -> None:
        """Count a write. Raises BadData if the store is read-only."""
        await self.ask()
        self.written += 1
        if not self.writable:
            raise BadData("read-only")


def refused(error: Exception) -> bool:
    """Return whether the store answered with this error."""
    return isinstance(error, BadData)


def judged(error: Exception) -> Verdict:
    """Return UNREACHABLE for the errors that mean that the store is away."""
    return Verdict.UNREACHABLE if isinstance(error, Outage | ConnectionError) else Verdict.FAILURE


async def probed(prober: Prober, clock: Clock, until: Callable[[], bool]) -> None:
    """Run turns of the prober, with their pauses, until the condition holds."""
    while not until():
        clock.advance(await prober.turn())


def one(clock: Clock, **more: float) -> Breaker:
    """Return an open breaker that a prober probes."""
    return opened(breaker(clock, probes=1, **more))


async def called(target: Breaker, store: Store) -> bool:
    """Return whether a call came through to the store."""
    try:
        await target.call_async(store.ask)
    except (CallRefused, Outage) as error:
        return not isinstance(error, CallRefused)
    return True


@settings(max_examples=40)
@given(outage_s=st.floats(0.1, 400), open_s=st.floats(2, 20), seed=st.integers(0, 2**32))
async def test_an_outage_of_any_length_ends_with_the_next_probe(outage_s: float, open_s: float, seed: int) -> None:
    """A breaker closes at most one interval of the prober after the store is back, however long the outage was, and
    until then no call is a probe."""
    clock, store = Clock(), Store()
    target = one(clock, open_s=open_s, open_max_s=60.0)
    prober = Prober(Probe(target, store.ask), random=random.Random(seed).uniform)
    ends = clock.now + outage_s
    calls = 0
    while clock.now < ends:
        pause_s = await prober.turn()
        calls += await called(target, store)
        clock.advance(pause_s)
    assert target.opened
    assert calls == 0
    store.answers = True
    back = clock.now
    await probed(prober, clock, lambda: target.closed)
    assert clock.now - back <= PROBE_EVERY_S
    assert [each.to for each in target.snapshot().transitions] == [State.OPEN, State.CLOSED]


async def test_without_its_prober_calls_are_the_probes(clock: Clock) -> None:
    """A breaker whose prober has died uses calls as probes, so that it does not stay open."""
    store = Store()
    target = one(clock, open_s=5.0)
    await Prober(Probe(target, store.ask)).turn()
    store.answers = True
    clock.advance(61)
    assert await called(target, store)
    assert target.closed


async def test_an_idle_breaker_of_writes_closes_without_a_write_of_anybody(clock: Clock) -> None:
    """An idle breaker of writes closes without any caller's write, because it is probed with one control write once
    reads work."""
    store, reads, writes = Store(), one(clock), one(clock)
    prober = Prober(Probe(reads, store.ask), Probe(writes, store.write))
    await prober.turn()
    assert store.asked == 1
    store.answers = store.writable = True
    await probed(prober, clock, lambda: reads.closed and writes.closed)
    assert store.written == 1


@settings(max_examples=20)
@given(outage_s=st.floats(1, 900), seed=st.integers(0, 2**32))
async def test_a_store_that_refuses_is_asked_less_often(outage_s: float, seed: int) -> None:
    """A store that refuses is probed with longer and longer pauses, up to a limit, because each answer costs it work.
    No call is a probe."""
    clock, store = Clock(), Store()
    store.answers = True
    target = opened(breaker(clock, probes=1, classify=judged, open_max_s=15.0))
    prober = Prober(Probe(target, store.write, refused=refused), random=random.Random(seed).uniform)
    ends, calls = clock.now + outage_s, 0
    while clock.now < ends:
        began = store.written
        pause_s = await prober.turn()
        assert store.written == began + 1
        calls += await called(target, store)
        clock.advance(pause_s)
    assert calls == 0
    assert pause_s <= min(PROBE_REFUSED_MAX_S, PROBE_REFUSED_EVERY_S + 0.25 * outage_s)
    store.writable = True
    await probed(prober, clock, lambda: target.closed)
    store.answers = False
    opened(target)
    assert await prober.turn() <= PROBE_EVERY_S


async def test_a_probe_that_was_wrong_is_believed_less_each_time(clock: Clock) -> None:
    """If calls fail after each successful probe, the breaker stays open longer each time, so that it does not flap at
    the prober's pace."""
    store = Store()
    store.answers = True
    target = one(clock, distrust_s=0.5, open_max_s=8.0)
    prober = Prober(Probe(target, store.ask))
    open_for = []
    for _ in range(7):
        began = clock.now
        await probed(prober, clock, lambda: target.closed)
        open_for.append(clock.now - began)
        fail(target, 5, ConnectionError)
    for wait_s, least_s in zip(open_for, (0, 1, 2, 4, 8, 8, 8), strict=True):
        assert least_s <= wait_s <= least_s + 2 * PROBE_EVERY_S
    await probed(prober, clock, lambda: target.closed)
    clock.advance(30)
    opened(target)
    began = clock.now
    await probed(prober, clock, lambda: target.closed)
    assert clock.now - began <= PROBE_EVERY_S


async def test_what_an_operator_opened_is_not_probed(clock: Clock) -> None:
    """A breaker that an operator opened is not probed until the operator lifts that, and then closes by a probe."""
    store, target = Store(), breaker(clock, probes=1)
    store.answers = True
    prober = Prober(Probe(target, store.ask))
    target.force_open(**ANN, for_s=30)
    ends = clock.now + 29
    await probed(prober, clock, lambda: clock.now > ends)
    assert store.asked == 0
    target.lift(**ANN)
    await probed(prober, clock, lambda: target.closed)


async def test_a_closed_breaker_costs_nothing(clock: Clock) -> None:
    """The dependency of a closed breaker is not probed."""
    store, target = Store(), breaker(clock)
    prober = Prober(Probe(target, store.ask))
    ends = clock.now + 60
    await probed(prober, clock, lambda: clock.now > ends)
    succeed(target)
    assert store.asked == 0


@pytest.mark.parametrize("answered", [False, True])
async def test_a_probe_ends_before_the_next_begins(clock: Clock, *, answered: bool) -> None:
    """While a call is the probe of a half-open breaker the prober does not probe, so that one probe ends before the
    next begins."""
    store, target = Store(), one(clock, open_s=1.0)
    store.answers = answered
    prober = Prober(Probe(target, store.ask))

    async def within() -> None:
        await prober.turn()
        assert store.asked == 0

    async def call(work: Callable[[], Awaitable[None]]) -> None:
        clock.advance(2)
        await target.call_async(work)

    await call(within)
    assert target.closed


async def test_a_bug_in_a_probe_is_no_outage(clock: Clock) -> None:
    """A bug in a probe is raised, for the supervisor to log, and is no outage."""

    async def buggy() -> None:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        await Prober(Probe(one(clock), buggy)).turn()
