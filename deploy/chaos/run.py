"""Run: steady state, break, mend, steady state, verdict."""

import time
from collections.abc import Callable, Mapping

from deploy.announce import Announcer
from deploy.announce import Verdict as AnnouncedAs
from deploy.chaos.experiment import Experiment, Restarted, Stage
from deploy.chaos.journal import Journal
from deploy.chaos.measure import STEADY_S, Moments, percentile, recovery, steady_from, unmet
from deploy.chaos.mend import mend
from deploy.chaos.report import Run
from deploy.chaos.settle import settle
from deploy.chaos.stack import Stack
from deploy.chaos.traffic import Traffic
from deploy.chaos.verdict import Seen, Word, judge
from deploy.chaos.watch import Watch
from deploy.local.problem import Problem

#: Before and after a fault, for as long as this at least.
QUIET_S = 8.0
_WARM_UP_MAX_S = 120.0
#: A breaker that opens again before its window was calm stays open for longer: that would be the last outage's doing.
_FORGIVEN_S = 32.0
_SETTLE_S = 60.0
_POLL_S = 0.2
#: What left later than this ago may have no answer yet on a good day.
_UNDER_WAY_S = 0.5
_ANNOUNCED_AS: Mapping[Word, AnnouncedAs] = {"passed": "passed", "deviated": "failed", "unknown": "unknown"}

Told = Callable[[str], None]


def run(
    experiment: Experiment, stack: Stack, journal: Journal, traffic: Traffic, told: Told, quiet_s: float = QUIET_S
) -> Run:
    """Breaks the running stack and mends it; when this raises, mending is left to the caller. Raises Problem when the
    experiment cannot be tried."""
    announcer = Announcer(f"http://{stack.dlq_admin}", stack.token)
    called = f"chaos-{experiment.name}"
    stack.prepare([fault for stage in experiment.stages for fault in stage.faults])
    prepared = journal.read()
    programs = [each.program for each in experiment.must_see if isinstance(each, Restarted)]
    with traffic, Watch(stack.api, stack.token) as watch:
        began = _well(experiment, traffic, watch, told, quiet_s)
        were = {program: set(stack.processes(program).values()) for program in programs}
        broken = time.time()
        with announcer.announced(called, experiment.target):
            for stage in experiment.stages:
                _stage(stage, experiment.duration_s * stage.share / _shares(experiment), stack, traffic, told)
                restarted = [each for each in programs if not set(stack.processes(each).values()) <= were[each]]
                if not mend(journal, [undo for undo in journal.read() if undo not in prepared], told):
                    raise Problem("what was broken could not be mended", "make chaos-heal")
            mended = time.time()
        told("  mended; waiting for steady answers")
        _wait_for_steady(experiment, traffic, mended)
        _wait(max(0.0, quiet_s - (time.time() - mended)), traffic)
        ended = time.time()
    # Looked at once more, now that what was under way has ended too.
    moments = Moments(began, broken, mended, steady_from(traffic.samples, mended, ended, experiment.steady), ended)
    told("  asking what became of every acknowledged write")
    settled = settle(stack.api, stack.dlq_admin, stack.token, traffic.writes, _SETTLE_S)
    slip_s = percentile(traffic.slips_s, 0.99) or 0.0
    samples = [sample for sample in traffic.samples if sample.due >= began]
    # The writes before `began` warm the stack up: they have to end well too, but their waits do not count.
    settled.ends = [end for end in settled.ends if end.ended >= began]
    seen = Seen(samples, moments, settled, sorted(watch.opened), restarted, slip_s)
    recovered = recovery(samples, moments, watch.opened.values(), settled.ends)
    verdict = judge(experiment, seen)
    announcer.recovered(called, recovered.phases_s, _ANNOUNCED_AS[verdict.word])
    return Run(experiment, seen, recovered, verdict)


def _shares(experiment: Experiment) -> float:
    return sum(stage.share for stage in experiment.stages)


def _well(experiment: Experiment, traffic: Traffic, watch: Watch, told: Told, quiet_s: float) -> float:
    """Wait until clients have had good answers for `quiet_s` and no breaker remembers an outage; since when."""
    told(f"  steady state: good answers for {quiet_s:.0f} s")
    since = time.time()
    deadline = since + _WARM_UP_MAX_S
    while (now := time.time()) < deadline:
        start, end = now - _UNDER_WAY_S - quiet_s, now - _UNDER_WAY_S
        recent = [sample for sample in traffic.samples if start <= sample.due < end]
        calm = now - watch.calm_since > _FORGIVEN_S
        if calm and start >= since and recent and not unmet(experiment.steady, recent):
            return start
        _wait(_POLL_S, traffic)
    raise Problem(f"the stack gave no steady answers in {_WARM_UP_MAX_S:.0f} s, so nothing was broken")


def _stage(stage: Stage, lasts_s: float, stack: Stack, traffic: Traffic, told: Told) -> None:
    told(f"  {stage.what} ({lasts_s:.0f} s)")
    for fault in stage.faults:
        stack.break_it(fault)
    _wait(lasts_s, traffic)


def _wait_for_steady(experiment: Experiment, traffic: Traffic, mended: float) -> None:
    deadline = mended + experiment.steady_within_s + STEADY_S
    while (now := time.time()) < deadline:
        if steady_from(traffic.samples, mended, now - _UNDER_WAY_S, experiment.steady) is not None:
            return
        _wait(_POLL_S, traffic)


def _wait(seconds: float, traffic: Traffic) -> None:
    time.sleep(seconds)
    traffic.check()
