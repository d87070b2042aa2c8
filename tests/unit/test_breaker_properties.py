"""The invariants of a breaker, whatever happens in whatever order."""

from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.machine import UNCOUNTED
from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.breaker.snapshot import Override, Snapshot, State, Transition, Why
from holdfast.shared.resilience.breaker.verdict import Judgement, Throttled, Verdict
from tests.unit.breakers import Clock

#: The transitions that each reason may explain. Any other transition is a bug.
_ANY = tuple(State)
LEGAL: dict[Why, set[tuple[State, State]]] = {
    Why.FAILURES_IN_A_ROW: {(State.CLOSED, State.OPEN)},
    Why.FAILURE_SHARE: {(State.CLOSED, State.OPEN)},
    Why.SLOW_SHARE: {(State.CLOSED, State.OPEN)},
    Why.UNREACHABLE_IN_A_ROW: {(State.CLOSED, State.OPEN)},
    Why.WAITED: {(State.OPEN, State.HALF_OPEN)},
    Why.PROBE_FAILED: {(State.HALF_OPEN, State.OPEN)},
    Why.PROBE_SLOW: {(State.HALF_OPEN, State.OPEN)},
    Why.PROBES_SUCCEEDED: {(State.HALF_OPEN, State.CLOSED), (State.OPEN, State.CLOSED)},
    Why.FAILS_IN_PART: {(State.HALF_OPEN, State.CLOSED), (State.OPEN, State.CLOSED)},
    Why.FORCED_OPEN: {(state, State.OPEN) for state in _ANY},
    Why.FORCED_CLOSED: {(state, State.CLOSED) for state in _ANY},
    Why.RESET: {(state, State.CLOSED) for state in _ANY},
    Why.OBSERVE_ONLY: {(state, state) for state in _ANY},
    Why.OVERRIDE_OVER: {(state, state) for state in _ANY} | {(State.OPEN, State.HALF_OPEN)},
}
POLICY = Policy(
    calls_min=4, window_s=10, unreachable_in_a_row=3, open_s=2, open_max_s=8, ramp_s=4, ramp_from=1, ramp_to=4
)


class Ended(Exception):
    """The error with which a call ends, with a judgement chosen beforehand."""

    def __init__(self, judgement: Judgement) -> None:
        self.judgement = judgement


@dataclass(slots=True)
class Call:
    """A call that was let through: when, and in which generation."""

    began: float
    generation: int
    guard: AbstractContextManager[None]


@dataclass(frozen=True, slots=True)
class Wait:
    """The event that time passes."""

    by_s: float


@dataclass(frozen=True, slots=True)
class Begin:
    """The event that a call begins."""


@dataclass(frozen=True, slots=True)
class End:
    """The event that one of the calls in flight ends."""

    which: int
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Whole:
    """The event that calls are made one after the other, `times` of them."""

    times: int
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Ask:
    """The event that the prober sends a probe."""

    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Impose:
    """The event that an operator imposes an override, or resets the breaker if it is None."""

    override: Override | None
    for_s: float


Event = Wait | Begin | End | Whole | Ask | Impose

JUDGEMENTS = st.sampled_from([*Verdict, Verdict.SUCCESS, Verdict.UNREACHABLE, Throttled(3)])
EVENTS = st.one_of(
    st.builds(Wait, st.sampled_from([0.1, 0.9, 1.0, 2.5, 5.0, 15.0])),
    st.builds(Begin),
    st.builds(End, st.integers(0, 9), JUDGEMENTS),
    st.builds(Whole, st.integers(1, 4), JUDGEMENTS),
    st.builds(Ask, JUDGEMENTS),
)
OPERATORS = st.builds(Impose, st.sampled_from([*Override, None]), st.sampled_from([1.0, 3.0, 20.0]))
#: Events that open the breaker and wait until it may be probed, which random events seldom do.
TO_HALF_OPEN: list[Event] = [Whole(3, Verdict.UNREACHABLE), Wait(2.5)]
TO_RAMP: list[Event] = [*TO_HALF_OPEN, Whole(3, Verdict.SUCCESS)]
BEGINNINGS = st.sampled_from([[], TO_HALF_OPEN, TO_RAMP])
DOUBTED = st.sampled_from([0, 2])


class World:
    """A breaker, the calls under way, and what must hold after each event."""

    def __init__(self, doubted_calls: int) -> None:
        self.clock = Clock()
        self.calls: list[Call] = []
        self.received: list[Transition] = []
        self.breaker = Breaker(
            "any",
            replace(POLICY, doubted_calls=doubted_calls),
            classify=lambda error: error.judgement if isinstance(error, Ended) else Verdict.FAILURE,
            clock=self.clock,
            wall=self.clock.wall,
            random=lambda: 0.5,
        )
        self.breaker.listen(lambda _name, transition: self.received.append(transition))

    def happen(self, event: Event) -> None:
        """Apply one event."""
        match event:
            case Wait(by_s):
                self.clock.advance(by_s)
            case Begin():
                self.begin()
            case End(which, judgement):
                if self.calls:
                    self.end(self.calls.pop(which % len(self.calls)), judgement)
            case Whole(times, judgement):
                for _ in range(times):
                    under_way = len(self.calls)
                    self.begin()
                    if len(self.calls) > under_way:
                        self.end(self.calls.pop(), judgement)
            case Ask(judgement):
                self.ask(judgement)
            case Impose(override, for_s):
                self.impose(override, for_s)

    def impose(self, override: Override | None, for_s: float) -> None:
        """Impose an override, or reset the breaker."""
        if override is None:
            self.breaker.reset(actor="ann", reason="any")
            return
        act = {
            Override.FORCE_OPEN: partial(self.breaker.force_open, for_s=for_s),
            Override.FORCE_CLOSED: partial(self.breaker.force_closed, for_s=for_s),
            Override.OBSERVE_ONLY: partial(self.breaker.observe_only, for_s=for_s),
        }[override]
        act(actor="ann", reason="any")

    def begin(self) -> None:
        """Begin a call. None passes an open breaker, unless it is in doubt, nor a half-open one while a probe is in
        flight."""
        before = self.breaker.snapshot()
        probing = any(
            call.generation == before.generation and self.clock.now - call.began < POLICY.lease_s for call in self.calls
        )
        waits = before.next_probe_at is not None and before.next_probe_at > self.clock.wall()
        shut = (before.state is State.OPEN and waits) or (before.state is State.HALF_OPEN and probing)
        override = before.imposed.override if before.imposed else None
        guard = self.breaker.guard()
        try:
            guard.__enter__()
        except CallRefused as refused:
            self.refused(refused, before)
            return
        generation = self.breaker.snapshot().generation
        if override is Override.OBSERVE_ONLY:
            under_way = sum(call.generation == before.generation for call in self.calls)
            ramping = before.state is State.CLOSED and under_way >= before.admitted_share * POLICY.ramp_to
            shut = shut or before.not_before is not None or (before.admitted_share < 1 and ramping)
            generation = UNCOUNTED if shut else generation
        else:
            assert not shut
        self.calls.append(Call(self.clock.now, generation, guard))

    def ask(self, judgement: Judgement) -> None:
        """Send a probe. None passes a breaker that an operator opened, nor beside another probe."""
        before = self.breaker.snapshot()

        async def answer() -> None:
            assert before.imposed is None or before.imposed.override is not Override.FORCE_OPEN
            if judgement is not Verdict.SUCCESS:
                raise Ended(judgement)

        with suppress(StopIteration, CallRefused, Ended):
            self.breaker.probe(answer).send(None)

    def refused(self, refused: CallRefused, before: Snapshot) -> None:
        """Check that a call is refused only for a reason, and never when every call is to be let through."""
        assert refused.retry_after_s >= 0
        assert before.state is not State.CLOSED or before.not_before or before.admitted_share < 1
        assert before.imposed is None or before.imposed.override is Override.FORCE_OPEN

    def end(self, call: Call, judgement: Judgement) -> None:
        """End a call. The end of a call of an older generation changes nothing but the count of such ends."""
        before = self.breaker.snapshot()
        error = None if judgement is Verdict.SUCCESS else Ended(judgement)
        call.guard.__exit__(type(error) if error else None, error, None)
        expired = before.state is not State.CLOSED and self.clock.now - call.began >= POLICY.lease_s
        if expired or call.generation != before.generation:
            late = before.late_outcomes + (call.generation != UNCOUNTED)
            assert self.breaker.snapshot() == replace(before, late_outcomes=late)

    def check(self) -> None:
        """Check that the log is a path of the legal graph, from closed to the current state."""
        state, generation, at = State.CLOSED, 0, self.clock.of_day(0)
        now = self.breaker.snapshot()
        for each in self.received:
            assert each.origin is state
            assert (each.origin, each.to) in LEGAL[each.why]
            assert each.generation > generation or each.origin is each.to
            assert each.at >= at
            state, generation, at = each.to, each.generation, each.at
        assert now.state is state
        assert now.generation >= generation
        assert now.transitions == tuple(self.received[-POLICY.transitions_kept :])
        assert 0 <= now.counts.failures <= now.counts.calls
        assert 0 <= now.counts.slow <= now.counts.calls


def run(events: list[Event], doubted_calls: int) -> None:
    """Apply the events to a new breaker, and check the invariants after each."""
    world = World(doubted_calls)
    for event in events:
        world.happen(event)
        world.check()


@settings(max_examples=150)
@given(BEGINNINGS, st.lists(EVENTS, max_size=80), DOUBTED)
def test_a_breaker_that_is_left_alone(beginning: list[Event], events: list[Event], doubted: int) -> None:
    """An open breaker lets nothing through, a half-open one lets one call through at a time, older generations change
    nothing, and the log is a legal path."""
    run([*beginning, *events], doubted)


@settings(max_examples=150)
@given(BEGINNINGS, st.lists(st.one_of(EVENTS, OPERATORS), max_size=80), DOUBTED)
def test_a_breaker_that_operators_act_on(beginning: list[Event], events: list[Event], doubted: int) -> None:
    """The same invariants hold, whatever operators impose in between."""
    run([*beginning, *events], doubted)
