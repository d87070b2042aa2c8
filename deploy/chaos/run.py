"""Run: steady state, break, mend, steady state, verdict."""

import time
from collections.abc import Callable, Mapping

from deploy.announce import Announcer
from deploy.announce import Verdict as AnnouncedAs
from deploy.chaos.experiment import Experiment, Moved, Restarted, Sighting, Stage
from deploy.chaos.measure import STEADY_S, Moments, recovery, steady_from, unmet
from deploy.chaos.report import Run
from deploy.chaos.settle import settle
from deploy.chaos.verdict import Seen, Word, judge
from deploy.chaos.watch import Watch
from deploy.chaos.writes import Writes
from deploy.client.open_loop import now
from deploy.client.plan import Plan, parse
from deploy.client.samples import percentile
from deploy.client.session import Background
from deploy.local.output import Problem
from deploy.local.progress import during
from deploy.stacks.stack import Stack

#: Least seconds of steady state before and after a fault.
QUIET_S = 8.0
MIX = "reads=60,writes=5,updates=25,external=10"
_USERS = 24
_WARM_UP_MAX_S = 120.0
#: A breaker that reopens before its window is clear stays open for longer, because of the previous outage.
_FORGIVEN_S = 32.0
_SETTLE_S = 60.0
_POLL_S = 0.2
#: A request that left less than so many seconds ago may still be in flight in good conditions.
_IN_FLIGHT_S = 0.5
_ANNOUNCED_AS: Mapping[Word, AnnouncedAs] = {"passed": "passed", "deviated": "failed", "unknown": "unknown"}

Report = Callable[[str], None]


def run(
    experiment: Experiment, stack: Stack, per_s: float, report: Report, quiet_s: float = QUIET_S, weights: str = MIX
) -> Run:
    """Break the running stack, and mend it. If this raises, the caller, who opened the stack, mends it. Raises Problem
    if the experiment cannot be tried."""
    announcer = Announcer.to(stack)
    name = f"chaos-{experiment.name}"
    stack.prepare([fault for stage in experiment.stages for fault in stage.faults])
    watched = [each for each in experiment.must_see if isinstance(each, Restarted | Moved)]
    changed: list[Sighting] = []
    writes = Writes()
    plan = Plan(stack.url("api"), per_s, mix=parse(weights), follow_per_s=0, users=_USERS)
    with Background(plan, writes) as traffic, Watch(stack.address("api"), stack.operator_key) as watch:
        report(f"  steady state: good responses for {quiet_s:.0f} s, and no breaker that remembers an outage")
        with during("waiting"):
            began = _steady(experiment, traffic, watch, quiet_s)
        before = {each: _identity(stack, each) for each in watched}
        broken = now()
        with announcer.announced(name, experiment.target):
            for stage in experiment.stages:
                report(f"  {stage.what} ({_seconds(stage, experiment):.0f} s)")
                for fault in stage.faults:
                    stack.begin(fault)
                with during("broken for", _seconds(stage, experiment)):
                    _wait(_seconds(stage, experiment), traffic)
                changed = [each for each in watched if not _identity(stack, each) <= before[each]]
                for fault in reversed(stage.faults):
                    stack.end(fault)
            mended = now()
        report("  mended; waiting for steady responses")
        with during("mended for"):
            _wait_for_steady(experiment, traffic, mended)
            _wait(max(0.0, quiet_s - (now() - mended)), traffic)
        ended = now()
    # Measured again, now that the requests that were in flight have completed.
    samples = [sample for sample in traffic.run.samples if sample.intended >= began]
    moments = Moments(began, broken, mended, steady_from(samples, mended, ended, experiment.steady), ended)
    report("  polling every acknowledged write")
    with during("polling"):
        settled = settle(stack, writes.sent, _SETTLE_S)
    slip_s = percentile(traffic.run.loop.slips_s, 0.99) or 0.0
    # The writes before `began` warm the stack up. They have to end well too, but their waits do not count.
    settled.ends = [end for end in settled.ends if end.ended >= began]
    seen = Seen(samples, moments, settled, sorted(watch.opened), changed, slip_s)
    recovered = recovery(samples, moments, watch.opened.values(), settled.ends)
    verdict = judge(experiment, seen)
    announcer.recovered(name, recovered.phases_s, _ANNOUNCED_AS[verdict.word])
    return Run(experiment, seen, recovered, verdict)


def _identity(stack: Stack, watched: Restarted | Moved) -> set[str]:
    """Return what identifies a process, or the primary, and changes when another takes its place."""
    return (
        {stack.primary(watched.store)} if isinstance(watched, Moved) else set(stack.processes(watched.program).values())
    )


def _seconds(stage: Stage, experiment: Experiment) -> float:
    return experiment.duration_s * stage.share / sum(each.share for each in experiment.stages)


def _steady(experiment: Experiment, traffic: Background, watch: Watch, quiet_s: float) -> float:
    """Wait until clients have had good responses for `quiet_s` and no breaker remembers an outage. Return its
    beginning."""
    since = now()
    while (at := now()) < since + _WARM_UP_MAX_S:
        start, end = at - _IN_FLIGHT_S - quiet_s, at - _IN_FLIGHT_S
        recent = [sample for sample in traffic.run.samples if start <= sample.intended < end]
        calm = at - watch.calm_since > _FORGIVEN_S
        if calm and start >= since and recent and not unmet(experiment.steady, recent):
            return start
        _wait(_POLL_S, traffic)
    raise Problem(f"the stack gave no steady responses in {_WARM_UP_MAX_S:.0f} s, so nothing was broken")


def _wait_for_steady(experiment: Experiment, traffic: Background, mended: float) -> None:
    deadline = mended + experiment.steady_within_s + STEADY_S
    while (at := now()) < deadline:
        if steady_from(traffic.run.samples, mended, at - _IN_FLIGHT_S, experiment.steady) is not None:
            return
        _wait(_POLL_S, traffic)


def _wait(seconds: float, traffic: Background) -> None:
    time.sleep(seconds)
    traffic.check()
