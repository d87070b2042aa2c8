"""The breaker: when it opens, how it recovers, and what an operator may do."""

import threading

import pytest

from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.breaker.snapshot import Override, State, Transition
from holdfast.shared.resilience.breaker.verdict import Judgement
from tests.unit.breakers import Chance, Clock, breaker, closed_again, fail, half_open, opened, refused, succeed

ANN = {"actor": "ann", "reason": "drill"}


def path(one: Breaker) -> list[tuple[str, str, str]]:
    """Return the breaker's transitions as (from, to, why)."""
    return [(each.origin.value, each.to.value, each.why.value) for each in one.snapshot().transitions]


# --- opening ---


def test_a_few_failures_open_nothing(clock: Clock) -> None:
    """A breaker stays closed after 19 failures in a row, which may be chance, and opens at the 20th."""
    one = breaker(clock)
    fail(one, 19)
    assert one.closed
    fail(one)
    assert one.opened


def test_a_share_of_failures_opens_it_only_where_that_is_asked_for(clock: Clock) -> None:
    """With a failure share of 0.5, half the calls open the breaker, even if a success completes the minimum number of
    calls, and a smaller share does not."""
    one = breaker(clock, failure_share=0.5)
    fail(one, 9)
    succeed(one, 11)
    assert one.closed
    one = breaker(clock, failure_share=0.5)
    fail(one, 10)
    succeed(one, 9)
    assert one.closed
    succeed(one)
    assert one.opened


def test_old_failures_are_forgotten(clock: Clock) -> None:
    """Only the failures of the last 30 seconds count."""
    one = breaker(clock)
    fail(one, 19)
    clock.advance(30)
    fail(one)
    assert one.closed
    assert one.failure_count == 1


def test_five_in_a_row_that_could_not_reach_it_open_it(clock: Clock) -> None:
    """Five calls in a row that could not reach the dependency open the breaker, however little traffic there is; an
    answer in between, good or bad, restarts the count."""
    one = breaker(clock)
    for answer in (lambda: succeed(one), lambda: fail(one)):
        fail(one, 4, ConnectionError)
        answer()
    fail(one, 4, TimeoutError)
    assert one.closed
    clock.advance(3600)
    fail(one, 1, ConnectionError)
    assert one.opened


def test_slow_calls_open_it(clock: Clock) -> None:
    """A breaker opens when 80 % of the calls took more than 80 % of the attempt's timeout, even if all of them
    succeeded."""
    one = breaker(clock)
    succeed(one, 4)
    for _ in range(16):
        with one.guard():
            clock.advance(0.81)
    assert one.opened
    why = one.snapshot().opened
    assert why is not None
    assert (why.why, why.counts.slow, why.counts.failures) == ("slow_share", 16, 0)


def test_a_breaker_further_in_says_nothing_about_this_dependency(clock: Clock) -> None:
    """The refusal of an inner breaker is not counted by the outer one, because it came from our own process."""
    outer, inner = breaker(clock), opened(breaker(clock))
    for _ in range(10):
        with pytest.raises(CallRefused), outer.guard(), inner.guard():
            raise AssertionError
    assert outer.snapshot().counts.calls == 0


def test_a_classifier_with_a_bug_harms_nobody(clock: Clock) -> None:
    """When the classifier raises an error, the call ends with its own error, which counts as a failure."""

    def buggy(_error: Exception) -> Judgement:
        raise KeyError

    one = breaker(clock, classify=buggy, calls_min=1)
    fail(one)
    assert one.opened


# --- open, half-open, ramp ---


def test_an_open_breaker_lets_nothing_through_and_says_until_when(clock: Clock) -> None:
    """An open breaker refuses calls and counts down the time until the next probe, 5 s at first."""
    one = opened(breaker(clock))
    assert refused(one).retry_after_s == 5.0
    clock.advance(4.5)
    refusal = refused(one)
    assert (refusal.refusal, refusal.retry_after_s, one.open_remaining) == ("open", 0.5, 1)
    assert str(refusal) == "dependency: open, again in 0.5 s"


def test_a_failed_probe_does_not_postpone_the_next_one(clock: Clock, chance: Chance) -> None:
    """A failed probe leaves the pause at 5 s, so that the dependency's return is noticed as soon after a long
    outage."""
    one = opened(breaker(clock, chance))
    for _ in range(20):
        assert refused(one).retry_after_s == pytest.approx(5)
        clock.advance(5)
        fail(one)


def test_open_time_doubles_up_to_a_minute_and_is_forgiven_after_a_calm_window(clock: Clock, chance: Chance) -> None:
    """An opening soon after a closing lasts twice as long as the one before, up to 60 s; after a calm window the open
    time is 5 s again."""
    one = opened(breaker(clock, chance))
    for open_s in (5, 10, 20, 40, 60):
        assert refused(one).retry_after_s == pytest.approx(open_s)
        clock.advance(open_s)
        succeed(one, 3)
        clock.advance(29)
        opened(one)
    assert refused(one).retry_after_s == 60
    clock.advance(60)
    succeed(one, 3)
    clock.advance(30)
    assert refused(opened(one)).retry_after_s == 5


@pytest.mark.parametrize(("number", "open_s"), [(0.0, 4.0), (1.0, 6.0)])
def test_open_time_is_jittered(clock: Clock, chance: Chance, number: float, open_s: float) -> None:
    """The open time is jittered by 20 %, so that replicas that opened together do not probe together."""
    chance.next = number
    assert refused(opened(breaker(clock, chance))).retry_after_s == pytest.approx(open_s)


def test_three_probes_close_it_one_at_a_time(clock: Clock) -> None:
    """Three successful probes, one at a time, close the breaker; while a probe is in flight, other calls are refused
    until its lease would end at the latest."""
    one = half_open(breaker(clock), clock)
    for _ in range(3):
        assert one.state is State.HALF_OPEN
        with one.guard():
            refusal = refused(one)
            assert (refusal.refusal, refusal.retry_after_s) == ("probing", 2.0)
    assert one.closed
    assert path(one) == [
        ("closed", "open", "unreachable_in_a_row"),
        ("open", "half_open", "waited"),
        ("half_open", "closed", "probes_succeeded"),
    ]


def test_a_slow_probe_is_no_success(clock: Clock) -> None:
    """A slow probe opens the breaker again, because a breaker that opened for slowness must not close on slow
    answers."""
    one = half_open(breaker(clock), clock)
    with one.guard():
        clock.advance(0.81)
    assert one.opened
    assert path(one)[-1] == ("half_open", "open", "probe_slow")


@pytest.mark.parametrize("error", [RuntimeError, ConnectionError])
def test_a_probe_that_fails_after_one_that_succeeded_closes_it(clock: Clock, error: type[Exception]) -> None:
    """A probe that fails after one that succeeded closes the breaker, because the dependency fails in part: behind a
    closed breaker some callers get an answer, behind an open one none does."""
    one = half_open(breaker(clock), clock)
    succeed(one)
    assert one.state is State.HALF_OPEN
    fail(one, 1, error)
    assert one.closed
    assert path(one)[-1] == ("half_open", "closed", "fails_in_part")


def test_a_probe_that_outlived_its_lease_has_no_vote(clock: Clock) -> None:
    """A probe that ends after its lease has no vote, even if no call was made since."""
    one = half_open(breaker(clock, probes=1), clock)
    with one.guard():
        clock.advance(2.0)
    assert one.state is State.HALF_OPEN
    assert one.snapshot().late_outcomes == 1


def test_one_thread_of_many_gets_the_probe(clock: Clock) -> None:
    """One of 16 threads that call a half-open breaker at once gets the probe, and 15 are refused."""
    one, together, results = half_open(breaker(clock), clock), threading.Barrier(16), list[str]()

    def ask() -> None:
        together.wait()
        try:
            with one.guard():
                results.append("in")
                all_asked.wait(10)
        except CallRefused:
            results.append("refused")
        if len(results) == 16:
            all_asked.set()

    all_asked = threading.Event()
    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["in"] + ["refused"] * 15


def test_calls_of_many_threads_are_all_counted(clock: Clock) -> None:
    """No call of four concurrent threads is lost between reading and writing a count."""
    one = breaker(clock)
    threads = [threading.Thread(target=succeed, args=(one, 2000)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.snapshot().counts.calls == 8000


# --- operators ---


def test_forced_open_ends_by_itself_and_then_probes(clock: Clock) -> None:
    """A breaker that is forced open shows the actor and the reason, and probes after 900 s if no other time was
    given."""
    one = breaker(clock)
    one.force_open(**ANN)
    refusal = refused(one)
    assert (refusal.refusal, refusal.retry_after_s) == ("forced_open", 900)
    imposed = one.snapshot().imposed
    assert imposed is not None
    assert (imposed.override, imposed.actor, imposed.reason) == (Override.FORCE_OPEN, "ann", "drill")
    assert imposed.until == clock.of_day(clock.now + 900)
    clock.advance(900)
    assert one.state is State.HALF_OPEN
    assert one.snapshot().imposed is None
    succeed(one, 3)
    assert path(one) == [
        ("closed", "open", "forced_open"),
        ("open", "half_open", "override_over"),
        ("half_open", "closed", "probes_succeeded"),
    ]


def test_forced_closed_lets_everything_through_and_counts(clock: Clock) -> None:
    """A breaker that is forced closed lets every call through and counts it; when the override ends, the counts
    decide."""
    one = opened(breaker(clock))
    one.force_closed(**ANN, for_s=20)
    fail(one, 30, ConnectionError)
    assert one.closed
    assert one.failure_count == 30
    clock.advance(20)
    assert one.closed
    fail(one, 1, ConnectionError)
    assert one.opened
    assert path(one)[1:] == [
        ("open", "closed", "forced_closed"),
        ("closed", "closed", "override_over"),
        ("closed", "open", "unreachable_in_a_row"),
    ]


def test_observing_decides_and_lets_through(clock: Clock) -> None:
    """A breaker that only observes lets calls through while it would be open, without counting them, and is open when
    the override ends."""
    one = breaker(clock)
    one.observe_only(**ANN, for_s=4)
    opened(one)
    fail(one, 3, ConnectionError)
    succeed(one)
    assert one.opened
    clock.advance(4)
    assert refused(one).retry_after_s == 1
    assert one.snapshot().late_outcomes == 0


def test_observing_probes_as_it_would(clock: Clock) -> None:
    """One call of a half-open breaker that only observes is the probe; other calls pass beside it without a vote."""
    one = breaker(clock)
    one.observe_only(**ANN)
    half_open(one, clock)
    with one.guard():
        succeed(one, 10)
        assert one.state is State.HALF_OPEN
    succeed(one, 2)
    assert one.closed


def test_an_override_that_lets_calls_through_lets_them_be_shared(clock: Clock) -> None:
    """Every call passes while a breaker is forced closed, or observes and is closed; not while it is open, ramps or is
    forced open."""
    one = breaker(clock, ramp_s=600.0)
    one.observe_only(**ANN)
    assert one.undisturbed
    opened(one)
    assert not one.undisturbed
    one.force_closed(**ANN, for_s=20)
    assert one.undisturbed
    one.force_open(**ANN, for_s=20)
    assert not one.undisturbed
    clock.advance(20)
    succeed(one, 3)
    assert (one.state, one.undisturbed) == (State.CLOSED, False)


def test_an_override_may_be_lifted(clock: Clock) -> None:
    """An override that is lifted ends as it would have ended by itself, and the transition records who lifted it."""
    one = breaker(clock)
    one.force_open(**ANN)
    one.lift(actor="bob", reason="enough")
    assert one.state is State.HALF_OPEN
    last = one.snapshot().transitions[-1]
    assert (last.actor, last.reason) == ("bob", "enough")
    one.lift(actor="bob", reason="nothing to lift")
    assert one.snapshot().transitions[-1] == last


def test_the_later_override_replaces_the_earlier(clock: Clock) -> None:
    """A later override replaces the earlier one, whose end is recorded as a transition."""
    one = breaker(clock)
    one.force_open(**ANN)
    one.force_closed(**ANN, for_s=10)
    succeed(one)
    assert [why for _, _, why in path(one)] == ["forced_open", "override_over", "forced_closed"]
    clock.advance(10)
    assert one.snapshot().imposed is None


def test_reset_is_as_new(clock: Clock) -> None:
    """A breaker that is reset is closed without a ramp, has counted nothing, and its next open time is not longer."""
    one = opened(breaker(clock, ramp_s=10.0))
    one.force_open(**ANN)
    one.reset(**ANN)
    succeed(one, 50)
    assert one.snapshot().imposed is None
    assert refused(opened(one)).retry_after_s == 5


@pytest.mark.parametrize(
    "wrong", [{"actor": " "}, {"reason": ""}, {"for_s": 0}, {"for_s": 90_000}, {"for_s": float("nan")}]
)
def test_nobody_imposes_without_a_name_a_reason_and_an_end(clock: Clock, wrong: dict[str, object]) -> None:
    """An override without an actor, a reason or a valid end is refused, so that a forgotten override does not stay."""
    with pytest.raises(ValueError, match=r"an actor|for_s"):
        breaker(clock).force_open(**(ANN | wrong))


# --- listeners, snapshots, policies ---


def test_listeners_get_every_transition(clock: Clock) -> None:
    """Listeners get every transition outside the lock, so that they may read the breaker, and a listener that raises an
    error affects no other."""
    one, received = breaker(clock), list[tuple[str, Transition, str]]()

    def buggy(_name: str, _transition: Transition) -> None:
        raise KeyError

    one.listen(buggy)
    one.listen(lambda name, transition: received.append((name, transition, one.state.value)))
    closed_again(one, clock)
    assert [each for _, each, _ in received] == list(one.snapshot().transitions)
    assert [(name, state) for name, _, state in received] == [
        ("dependency", each) for each in ("open", "half_open", "closed")
    ]


def test_a_snapshot_says_it_all(clock: Clock) -> None:
    """A snapshot holds the state, since when it holds, why the breaker opened and when it will probe, in the time of
    day."""
    one = breaker(clock, transitions_kept=2)
    clock.advance(10)
    shown = opened(one).snapshot()
    assert (shown.name, shown.state, shown.since) == ("dependency", State.OPEN, clock.wall())
    assert shown.next_probe_at == clock.of_day(clock.now + 5)
    assert (shown.counts.calls, shown.admitted_share) == (0, 0)
    why = shown.opened
    assert why is not None
    assert (why.at, why.counts.calls, why.counts.unreachable_in_a_row) == (clock.wall(), 5, 5)
    for _ in range(3):
        clock.advance(30)
        fail(one)
        assert one.snapshot().opened == why, "a failed probe is no cause"
    clock.advance(60)
    succeed(one, 3)
    shown = one.snapshot()
    assert shown.next_probe_at is None
    assert len(shown.transitions) == 2
    assert shown.opened == why, "kept also when newer transitions have taken its place"


def test_other_numbers_take_effect_without_forgetting(clock: Clock) -> None:
    """A new policy takes effect, and what was counted stays counted."""
    one = breaker(clock)
    fail(one, 6)
    one.adopt(Policy(calls_min=7, attempt_timeout_s=2.0))
    assert one.failure_count == 6
    fail(one)
    assert one.opened
    one.adopt(Policy(window_s=10))
    assert one.opened


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_s": 1},
        {"failure_share": 1.1},
        {"probes": 0},
        {"open_s": float("nan")},
        {"open_max_s": 1},
        {"jitter": -0.1},
    ],
)
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    """Inconsistent parameters are refused, both at start and when they are changed at run time."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Policy(**wrong)


async def test_an_override_says_when_it_ends_whatever_a_prober_did_before(clock: Clock) -> None:
    """A breaker that is held open for an hour, after an outage that a prober ended, shows the end of the hour as its
    next probe."""
    one = opened(breaker(clock, probes=1))

    async def down() -> None:
        raise ConnectionError

    async def back() -> None:
        pass

    with pytest.raises(ConnectionError):
        await one.probe(down)
    await one.probe(back)
    assert one.closed
    one.force_open(**ANN, for_s=3600)
    assert (one.open_remaining, one.snapshot().next_probe_at) == (3600, clock.of_day(clock.now + 3600))
