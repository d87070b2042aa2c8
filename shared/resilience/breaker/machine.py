"""Machine: whether a call may pass, and what its outcome changes. Pure: time is an argument, transitions are collected.

A call that passes receives the generation as a token, and returns it with its outcome. Every transition and every probe
changes the generation, so an outcome of an earlier generation is recognised by its number.
"""

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from holdfast.shared.resilience.breaker.evidence import Evidence
from holdfast.shared.resilience.breaker.history import History
from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.ramp import Ramp
from holdfast.shared.resilience.breaker.refusal import Refusal, Refused
from holdfast.shared.resilience.breaker.snapshot import Imposed, Override, Snapshot, State, Transition, Why
from holdfast.shared.resilience.breaker.verdict import Judgement, Throttled, Verdict

#: The token of a call that passes only because refusals are not enforced; no generation has this number.
UNCOUNTED = 0

#: These may be chance where few calls succeed.
_IN_A_ROW = {Why.FAILURES_IN_A_ROW, Why.UNREACHABLE_IN_A_ROW}
#: The outcomes of earlier probes are kept across these transitions.
_PROBING = {Why.WAITED, Why.PROBE_FAILED, Why.PROBE_SLOW, Why.FAILS_IN_PART}


class Machine:
    """The state machine of one breaker. Not thread-safe. `now` is monotonic, in seconds; `random` returns a number from
    0 to 1; `stamp` converts a monotonic moment to a time of day."""

    def __init__(
        self, policy: Policy, *, now: float, random: Callable[[], float], stamp: Callable[[float], datetime]
    ) -> None:
        #: The token while every call passes and no timer runs, else None. Callers read it before they call `admit`.
        self.door: int | None = 1
        self.generation = 1
        self.state = State.CLOSED
        self.policy = policy
        self.imposed: Imposed | None = None
        self.history = History(policy.transitions_kept)
        self.evidence = Evidence(policy, now)
        self._random = random
        self._stamp = stamp
        self._since = now
        self._openings = self._opened_by = self._doubted = 0
        self._open_until = self._prober_from = now
        self._probed = False
        self._lease_until: float | None = None
        self._probes_passed = 0
        self._ramp = Ramp(random)
        self._not_before: float | None = None
        self._imposed_until = now
        self._late_outcomes = self._leaked_probes = 0

    def admit(self, now: float, *, prober: bool = False) -> int | Refused:
        """Return a token or a refusal. Called only while `door` is None. The prober passes an open breaker too."""
        self.apply_timers(now)
        refused = self._refused(now, prober=prober)
        if refused is not None:
            return refused
        if self.state is not State.CLOSED:
            self.generation += 1
            self._lease_until = now + self.policy.lease_s
        return self.generation

    def succeeded(self, token: int, took_s: float, now: float) -> None:
        """Record a call that succeeded after `took_s` seconds."""
        if token != self.door:
            self.ended(token, Verdict.SUCCESS, took_s, now)
            return
        evidence = self.evidence
        evidence.failed_in_a_row = evidence.unreachable_in_a_row = 0
        evidence.add(now, False, took_s >= evidence.slow_s)
        if evidence.failures or evidence.slow:
            self._open_if_due(took_s, now)

    def ended(self, token: int, judgement: Judgement, took_s: float, now: float) -> None:
        """Record a call that ended after `took_s` seconds. An outcome of an earlier generation is ignored."""
        self.apply_timers(now)
        if token != self.generation:
            self._late_outcomes += token != UNCOUNTED
            return
        if isinstance(judgement, Throttled):
            self._not_before = max(self._not_before or now, now + min(judgement.for_s, self.policy.throttle_max_s))
        self.evidence.weigh(judgement, took_s, now)
        match self.state:
            case State.CLOSED:
                self._ramp.ended(self.policy, judgement, took_s, now)
                self._open_if_due(took_s, now)
            case State.HALF_OPEN | State.OPEN:
                self._judge_probe(judgement, took_s, now)
        self._set_door()

    def apply_timers(self, now: float) -> None:
        """Apply expired timers."""
        if self.door is not None:
            return
        if self.imposed is not None and now >= self._imposed_until:
            self.lift(now)
        if self._lease_until is not None and now >= self._lease_until:
            self._lease_until = None
            self.generation += 1
            self._leaked_probes += 1
            if self._doubted:
                self._pause(now)
        if self.state is State.OPEN and not self._doubted and now >= self._open_until and self._lease_until is None:
            self._move(State.HALF_OPEN, Why.WAITED, now)
        if self._ramp.until is not None and now >= self._ramp.until:
            self._ramp.until = None
        if self._not_before is not None and now >= self._not_before:
            self._not_before = None
        self._set_door()

    def impose(self, override: Override, for_s: float, actor: str, reason: str, now: float) -> None:
        """Impose an override for `for_s` seconds, in place of an earlier one."""
        if self.imposed is not None:
            self.lift(now)
        self._imposed_until = now + for_s
        self.imposed = Imposed(override, actor, reason, self._stamp(now), self._stamp(now + for_s))
        match override:
            case Override.FORCE_OPEN:
                self._move(State.OPEN, Why.FORCED_OPEN, now, actor, reason)
                self._open_until = self._imposed_until
            case Override.FORCE_CLOSED:
                self._move(State.CLOSED, Why.FORCED_CLOSED, now, actor, reason)
            case Override.OBSERVE_ONLY:
                self._note(self.state, Why.OBSERVE_ONLY, now, actor, reason)
            case _:
                assert_never(override)
        self._set_door()

    def lift(self, now: float, actor: str | None = None, reason: str | None = None) -> None:
        """End the override, if there is one, with the same effect as its time limit."""
        imposed, self.imposed = self.imposed, None
        if imposed is None:
            return
        if imposed.override is Override.FORCE_OPEN:
            self._move(State.HALF_OPEN, Why.OVERRIDE_OVER, now, actor, reason)
        else:
            self._note(self.state, Why.OVERRIDE_OVER, now, actor, reason)
        self._set_door()

    def reset(self, now: float, actor: str, reason: str) -> None:
        """Close the breaker without a ramp, clear the counts, and end any override."""
        self.imposed = self._not_before = None
        self._openings = 0
        self._move(State.CLOSED, Why.RESET, now, actor, reason)
        self._set_door()

    def adopt(self, policy: Policy, now: float) -> None:
        """Use another policy from now on. The counts are kept unless the window's shape changes."""
        if (policy.window_s, policy.bucket_s) != (self.policy.window_s, self.policy.bucket_s):
            self.evidence = Evidence(policy, now)
        self.evidence.slow_s = policy.slow_s
        self.history.keep(policy.transitions_kept)
        self.policy = policy

    def open_remaining_s(self, now: float) -> float:
        """Return the seconds until a call may pass as a probe, unless a prober succeeds before; 0 when not open."""
        return self._remaining_s(now) if self.state is State.OPEN else 0.0

    @property
    def admitted_share(self) -> float:
        """The share of the usual load that passes."""
        return self._ramp.share(self.policy) if self.state is State.CLOSED else 0.0

    def snapshot(self, name: str, now: float) -> Snapshot:
        """Return the snapshot at `now`."""
        self.apply_timers(now)
        return Snapshot(
            name=name,
            state=self.state,
            since=self._stamp(self._since),
            generation=self.generation,
            counts=self.evidence.counts(now),
            opened=self.history.opened,
            next_probe_at=self._next_probe_at(now),
            admitted_share=self.admitted_share,
            not_before=None if self._not_before is None else self._stamp(self._not_before),
            imposed=self.imposed,
            transitions=tuple(self.history.last),
            late_outcomes=self._late_outcomes,
            leaked_probes=self._leaked_probes,
        )

    def _refused(self, now: float, *, prober: bool) -> Refused | None:
        override = None if self.imposed is None else self.imposed.override
        if override is Override.FORCE_CLOSED:
            return None
        enforced = override is not Override.OBSERVE_ONLY
        if override is Override.FORCE_OPEN:
            return Refused(Refusal.FORCED_OPEN, self._open_until - now, enforced)
        if self.state is State.OPEN and not self._doubted and not (prober and now >= self._prober_from):
            return Refused(Refusal.OPEN, self._remaining_s(now), enforced)
        if self._not_before is not None:
            return Refused(Refusal.THROTTLED, self._not_before - now, enforced)
        if self._lease_until is not None:
            return Refused(Refusal.PROBING, self._lease_until - now, enforced)
        if not self._ramp.passes():
            return Refused(Refusal.RAMPING, self._ramp.retry_after_s(now), enforced)
        return None

    def _judge_probe(self, judgement: Judgement, took_s: float, now: float) -> None:
        self._lease_until = None
        match judgement:
            case Verdict.FAILURE | Verdict.UNREACHABLE if self._probes_passed:
                self._close(Why.FAILS_IN_PART, now)
                self.evidence.found_partial(self._opened_by, self.policy.window_s, now)
                self._openings = 0  # the probes that passed do not predict that the breaker stays closed
            case Verdict.FAILURE | Verdict.UNREACHABLE:
                self._stay_open(Why.PROBE_FAILED, took_s, now)
            case Verdict.SUCCESS if took_s >= self.evidence.slow_s:
                self._stay_open(Why.PROBE_SLOW, took_s, now)
            case Verdict.SUCCESS:
                self._probes_passed += 1
                if self._probes_passed >= self.policy.probes:
                    self._close(Why.PROBES_SUCCEEDED, now)
            case Verdict.NEUTRAL | Throttled():
                pass  # no verdict: the next call is the next probe
            case _:
                assert_never(judgement)

    def _open_if_due(self, took_s: float, now: float) -> None:
        why = self.evidence.against(self.policy, now, shedding=self._ramp.sheds)
        if why is not None and (self.imposed is None or self.imposed.override is not Override.FORCE_CLOSED):
            self._open(why, now)
            if self.policy.doubted_calls and why in _IN_A_ROW and took_s < self.evidence.slow_s:
                self._doubted, self._open_until = self.policy.doubted_calls, now

    def _stay_open(self, why: Why, took_s: float, now: float) -> None:
        """Stay open after a failed probe; a half-open breaker opens again. Calls wait while a prober keeps asking."""
        if self.state is State.HALF_OPEN:
            self._open(why, now)
        elif self._doubted > 1 and took_s < self.evidence.slow_s:
            self._doubted -= 1  # the next call is the next probe
        elif self._doubted:
            self._pause(now)
        else:
            self._open_until = max(self._open_until, now + self.policy.open_max_s)
            self._probed = True

    def _open(self, why: Why, now: float) -> None:
        if self.state is State.CLOSED:
            if now - self._since >= self.policy.window_s:
                self._openings = 0  # it was closed for a whole window, so the open time starts at its shortest again
            self._openings += 1
            self._opened_by = self.evidence.failed_in_a_row
        self._move(State.OPEN, why, now)
        self._pause(now)
        self._prober_from = now + self.policy.distrusted_s(max(0, self._openings - 1))

    def _pause(self, now: float) -> None:
        self._doubted = 0
        self._open_until = now + self.policy.open_time_s(max(0, self._openings - 1), self._random())

    def _close(self, why: Why, now: float) -> None:
        self._move(State.CLOSED, why, now)
        self._ramp.start(self.policy, now)

    def _move(self, to: State, why: Why, now: float, actor: str | None = None, reason: str | None = None) -> None:
        self.door = None  # first, because a finaliser may return an outcome in the middle of this method
        self.generation += 1
        self._note(to, why, now, actor, reason)
        self.state = to
        self._since = now
        self._lease_until = self._ramp.until = None
        self._probed = False
        self._probes_passed = self._doubted = 0
        if why not in _PROBING:  # otherwise the outcomes of the probes so far are kept
            self.evidence = Evidence(self.policy, now)

    def _note(self, to: State, why: Why, now: float, actor: str | None, reason: str | None) -> None:
        counts = self.evidence.counts(now)
        self.history.add(Transition(self._stamp(now), self.state, to, why, counts, self.generation, actor, reason))

    def _remaining_s(self, now: float) -> float:
        remaining_s = max(0.0, max(self._open_until, self._lease_until or now) - now)
        return min(remaining_s, self.policy.open_s) if self._probed else remaining_s

    def _set_door(self) -> None:
        undisturbed = self.imposed is None and self._ramp.until is None and self._not_before is None
        self.door = self.generation if self.state is State.CLOSED and undisturbed else None

    def _next_probe_at(self, now: float) -> datetime | None:
        if self.state is State.CLOSED:
            return None
        if self.state is State.OPEN:
            return self._stamp(now + self._remaining_s(now))
        return self._stamp(max(now, self._lease_until or now, self._not_before or now))
