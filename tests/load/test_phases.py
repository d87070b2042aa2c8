"""The phases of a recovery, from the answers that clients saw, without I/O."""

from collections.abc import Iterator

import pytest

from deploy.client.follow import Followed
from deploy.client.outcome import Outcome
from deploy.client.plan import Kind
from deploy.client.samples import Sample, Samples
from deploy.load.phases import Baseline, baseline, contain_s, detect_s, drain_s, resume_s, steady_s
from deploy.load.scaling_verdict import bottleneck

BROKEN, MENDED = 100.0, 110.0


def _read(at: float, latency_s: float = 0.01, outcome: Outcome = Outcome.GOOD, kind: Kind = Kind.READS) -> Sample:
    return Sample(at, latency_s, kind, outcome)


def test_detect_is_the_first_breaker_that_opened_during_the_fault() -> None:
    """The detection time is that of the first breaker that opened during the fault; a breaker that opened before or
    after has another cause."""
    assert detect_s([90.0, 103.0, 101.5], BROKEN, MENDED) == 1.5
    assert detect_s([90.0, 111.0], BROKEN, MENDED) is None


def test_contain_is_the_end_of_the_last_bad_answer() -> None:
    """The containment time is the arrival of the last bad answer during the fault; degraded and rejected answers are
    not bad."""
    samples = [
        _read(101, 2.0, Outcome.FAILED),
        _read(104, 0.5, Outcome.INDETERMINATE, Kind.WRITES),
        _read(106, 1.0, Outcome.DEGRADED),
        _read(107, 1.0, Outcome.REJECTED),
        _read(111, 1.0, Outcome.FAILED),
    ]
    assert contain_s(samples, BROKEN, MENDED) == 4.5
    assert contain_s(samples[2:4], BROKEN, MENDED) == 0


def test_resume_is_the_first_commit_after_the_mending() -> None:
    """The resume time is the first commit by a writer after the repair, so a write past the queue does not count. For
    the third party it is the first good answer, and a copy does not count."""
    writes = [
        Followed(101, "applied", 101.0, direct=True),
        Followed(110.5, "applied", 110.6, direct=True),
        Followed(105, "applied", 112.0),
        Followed(106, "rejected", 111.0),
        Followed(107),
    ]
    assert resume_s([], writes, MENDED, third_party=False) == 2.0
    samples = [
        _read(110.5, 0.25, Outcome.DEGRADED, Kind.EXTERNAL),
        _read(111, 0.5, Outcome.GOOD, Kind.EXTERNAL),
        _read(110.1),
    ]
    assert resume_s(samples, [], MENDED, third_party=True) == 1.5


def test_drain_is_the_end_of_the_last_write_that_was_old() -> None:
    """The drain time is the end of the last write that was accepted before the repair: None if one has not ended, and 0
    if there was none."""
    old, young = Followed(105, "applied", 114.0), Followed(118, "applied", 118.5)
    assert drain_s([old, young], MENDED) == 4.0
    assert drain_s([young], MENDED) == 0
    assert drain_s([old, Followed(106)], MENDED) is None


def _after(slow_until: float, outcome: Outcome = Outcome.GOOD) -> Iterator[Sample]:
    for number in range(3000):
        at = MENDED + number / 100
        yield _read(at, 0.2 if at < slow_until else 0.01, outcome if at < slow_until else Outcome.GOOD)


def test_steady_is_the_first_ten_seconds_that_are_as_before() -> None:
    """The system is steady from the first complete ten seconds that are as good and as fast as before the fault; slow
    answers or copies delay this."""
    before = Baseline(p99_ms=10.0, good=1.0)
    assert steady_s(list(_after(MENDED)), MENDED, MENDED + 30, before) == 0
    assert steady_s(list(_after(MENDED + 4)), MENDED, MENDED + 30, before) == 4
    copies = [sample._replace(latency_s=0.01) for sample in _after(MENDED + 4, Outcome.DEGRADED)]
    assert steady_s(copies, MENDED, MENDED + 30, before) == 4
    assert steady_s(list(_after(MENDED + 25)), MENDED, MENDED + 30, before) is None
    assert steady_s(list(_after(MENDED)), MENDED, MENDED + 9, before) is None


def test_a_baseline_is_a_share_and_a_percentile() -> None:
    """A baseline is the share of good answers and the 99th percentile before the fault."""
    seen = baseline([_read(1, 0.01), _read(2, 0.02), _read(3, 0.03, Outcome.DEGRADED), _read(4, 0.04)])
    assert (seen.good, seen.p99_ms) == (0.75, pytest.approx(40))


def test_a_baseline_is_as_bad_as_its_worst_ten_seconds() -> None:
    """The latency of a baseline is that of its worst ten seconds, because a slow stretch is usual too; a remainder of
    less than ten seconds is ignored."""
    slow = [_read(at / 10, 0.05 if 150 <= at < 190 else 0.01) for at in range(1, 300)]
    rest = [_read(30.2, 0.5)]
    assert baseline(slow + rest).p99_ms == pytest.approx(50)
    assert baseline([_read(at / 10, 0.01) for at in range(300)] + rest).p99_ms == pytest.approx(10)


def test_samples_come_back_as_they_went_in() -> None:
    """Samples are read back as they were added, with their codes, from any sample on."""
    samples = Samples()
    samples.add(1.0, 0.5, Kind.WRITES, Outcome.REJECTED, "SHED")
    samples.add(2.0, 0.25, Kind.READS, Outcome.GOOD)
    assert list(samples.since(1)) == [Sample(2.0, 0.25, Kind.READS, Outcome.GOOD)]
    assert next(iter(samples)) == Sample(1.0, 0.5, Kind.WRITES, Outcome.REJECTED, "SHED")
    assert samples.codes == {(Kind.WRITES, "SHED"): 1}


@pytest.mark.parametrize(
    ("cores", "says"),
    [
        ({"writers": 0.9, "mariadb": 0.8, "machine": 1.9}, "the processors were the limit"),
        ({"writers": 0.4, "api": 0.95, "machine": 1.4}, "api was the limit"),
        ({"writers": 0.4, "mariadb": 0.3, "machine": 0.8}, "no processor was the limit"),
        ({"writers": 0.2, "mariadb": 0.3, "machine": 1.9}, "UNKNOWN: something else"),
        ({"this generator": 0.1, "writers": 0, "machine": 1.0}, "cannot be seen from here"),
    ],
)
def test_the_limit_is_what_was_full(cores: dict[str, float], says: str) -> None:
    """The processors that were full are named as the bottleneck. If other programs used the machine, the bottleneck is
    unknown."""
    assert says in bottleneck(cores, 2)
