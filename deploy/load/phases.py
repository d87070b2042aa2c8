"""Phases of a recovery, from what clients saw of one fault:

detect   from the fault to the first breaker that opened for it
contain  from the fault to the last broken response during it (failed, indeterminate or none); 0: there was none
start    from the mending until the server answers a client of its own
resume   from then to the first write that was committed the usual way (third party: its first good response)
drain    from then until no followed write was older than a second
steady   from then to the first ten seconds that are as before it: p99 within 1.25 times, as many good

The p99 of ten seconds varies even when nothing is wrong, so "before" is the worst ten seconds of a minute.

The mending is the moment in which it begins. None: it did not happen while we watched.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from deploy.client.follow import Followed
from deploy.client.outcome import BROKEN, Outcome
from deploy.client.plan import Kind
from deploy.client.samples import Sample, percentiles

STEADY_S = 10.0
P99_TIMES = 1.25
#: The share of good responses may be lower by so much and still count as before.
_GOOD_LESS = 0.01
_STEP_S = 0.5
_OLD_S = 1.0


@dataclass(frozen=True, slots=True)
class Baseline:
    """The system before the fault: milliseconds, and a share from 0 to 1."""

    p99_ms: float
    good: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """One repeat, in seconds. `alert`: from the fault to the first alert that Prometheus had pending or firing."""

    detect: float | None = None
    alert: float | None = None
    contain: float | None = None
    start: float | None = None
    resume: float | None = None
    drain: float | None = None
    steady: float | None = None
    #: What clients got during the fault, in percent, and the delay of the followed writes.
    answered: float | None = None
    delay: float | None = None

    def as_json(self) -> dict[str, float | None]:
        """Return the recovery as JSON."""
        return asdict(self)


def baseline(samples: Sequence[Sample]) -> Baseline:
    """Return the p99 of the worst ten seconds, from at least one sample. A shorter period counts only if there is no
    other."""
    begin = min(sample.intended for sample in samples)
    windows = defaultdict(list)
    for sample in samples:
        windows[int((sample.intended - begin) // STEADY_S)].append(sample)
    whole = [windows[number] for number in sorted(windows)[:-1]] or [windows[0]]
    return Baseline(max(_measured(window).p99_ms for window in whole), _measured(samples).good)


def _measured(samples: Sequence[Sample]) -> Baseline:
    good = sum(sample.outcome is Outcome.GOOD for sample in samples) / len(samples)
    return Baseline(percentiles([sample.latency_s for sample in samples]).p99, good)


def detect_s(opened_at: Iterable[float], broken: float, mended: float) -> float | None:
    """Return the time to detection. `opened_at`: when breakers opened, in Unix seconds."""
    times = [at - broken for at in opened_at if broken <= at < mended]
    return min(times, default=None)


def contain_s(samples: Sequence[Sample], broken: float, mended: float) -> float:
    """Return the time to containment. It counts by the time of responses, not of requests: that is when a client
    stopped noticing."""
    broken_at = [
        s.intended + s.latency_s - broken for s in samples if s.outcome in BROKEN and broken <= s.intended < mended
    ]
    return max(broken_at, default=0.0)


def resume_s(
    samples: Sequence[Sample], writes: Sequence[Followed], mended: float, *, third_party: bool
) -> float | None:
    """Return the time from the mending to the first write that was committed the usual way."""
    if third_party:
        came = [
            s.intended + s.latency_s - mended
            for s in samples
            if s.kind is Kind.EXTERNAL and s.outcome is Outcome.GOOD and s.intended >= mended
        ]
    else:
        came = [
            write.ended_at - mended
            for write in writes
            if not write.direct and write.status == "applied" and write.ended_at and write.ended_at >= mended
        ]
    return min(came, default=None)


def drain_s(writes: Sequence[Followed], mended: float) -> float | None:
    """Return the time to drain the backlog: 0 if no write had to wait, None if one still waits."""
    ends = [write.ended_at for write in writes if write.ended_at is None or write.ended_at - write.intended > _OLD_S]
    if None in ends:
        return None
    return max((end - mended for end in ends if end is not None), default=0.0)


def steady_s(samples: Sequence[Sample], mended: float, until: float, before: Baseline) -> float | None:
    """Return the time until responses are steady. `until`: requests with an earlier intended start have completed, in
    Unix seconds."""
    begin = mended
    while begin + STEADY_S <= until:
        window = [sample for sample in samples if begin <= sample.intended < begin + STEADY_S]
        if window and _as_before(_measured(window), before):
            return begin - mended
        begin += _STEP_S
    return None


def _as_before(now: Baseline, before: Baseline) -> bool:
    return now.p99_ms <= P99_TIMES * before.p99_ms and now.good >= before.good - _GOOD_LESS
