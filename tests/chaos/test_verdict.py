"""The verdict of an experiment, from its hypothesis and its observations. No stack is needed."""

from dataclasses import replace

import pytest

from deploy.chaos.experiment import (
    DEGRADED,
    GOOD,
    REJECTED,
    BreakerOpened,
    Expect,
    Experiment,
    Moved,
    Restarted,
    Saw,
    Sighting,
    Slower,
    Stage,
    Waited,
    Within,
)
from deploy.chaos.experiments import ALL
from deploy.chaos.measure import Moments, phase_of, recovery, steady_from, unmet
from deploy.chaos.report import Run, for_machines, for_people, summary
from deploy.chaos.settle import Ended, Settled
from deploy.chaos.verdict import Seen, judge, sighted
from deploy.chaos.writes import Write, Writes
from deploy.client.connections import Response
from deploy.client.outcome import Outcome
from deploy.client.plan import Kind
from deploy.client.requests import Request
from deploy.client.samples import Sample
from deploy.stacks.faults import Freeze

FAILED, UNANSWERED = Outcome.FAILED, Outcome.UNANSWERED
MOMENTS = Moments(began=0, broken=10, mended=20, steady=22, ended=30)
EXPERIMENT = Experiment(
    name="freeze", breaks="it", hypothesis="nothing happens", target="database",
    stages=[Stage("frozen", [Freeze("database")])], during=[Expect("reads", (GOOD, DEGRADED), 0.95)],
    must_see=[Saw("reads", DEGRADED)],
)  # fmt: skip


def sent(
    start: float, end: float, outcome: Outcome, kind: Kind = Kind.READS, took_s: float = 0.01, code: str = ""
) -> list[Sample]:
    """Return ten identical samples per second."""
    return [Sample(start + n / 10, took_s, kind, outcome, code) for n in range(round((end - start) * 10))]


WELL = [*sent(0, 10, GOOD), *sent(10, 22, DEGRADED), *sent(22, 30, GOOD)]
SEEN = Seen(WELL, MOMENTS, Settled([Ended("applied", 11, 20.5)], balanced=True), [("api", "database")], [])


def test_what_was_believed_and_was_so_has_passed() -> None:
    """A run that matches its hypothesis has passed, and the reports for people and for machines state this."""
    verdict = judge(EXPERIMENT, SEEN)
    assert (verdict.word, verdict.deviations, verdict.vacuous) == ("passed", [], [])
    run = Run(EXPERIMENT, SEEN, recovery(WELL, MOMENTS, [11.5], SEEN.settled.ends), verdict)
    assert "freeze: PASSED" in for_people(run)
    assert "passed" in summary([run])
    document = for_machines(run, "local")
    assert (document["verdict"], document["exit_code"], document["recovery"]["detect_s"]) == ("passed", 0, 1.5)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"samples": [*WELL, *sent(12, 14, FAILED)]}, "during: reads"),
        ({"samples": [*WELL, Sample(15, 9.9, Kind.WRITES, UNANSWERED)]}, "during: all: one took 9.9 s"),
        ({"samples": [*WELL, Sample(20.5, 9.9, Kind.UPDATES, UNANSWERED)]}, "recovering: all: one took"),
        ({"moments": replace(MOMENTS, steady=None)}, "not steady again"),
        ({"settled": replace(SEEN.settled, lost=["op-1"])}, "not accounted for, such as op-1"),
        ({"settled": replace(SEEN.settled, in_doubt=1)}, "never learned"),
        ({"settled": replace(SEEN.settled, balanced=False)}, "does not balance"),
        ({"settled": replace(SEEN.settled, ends=[Ended("dead_lettered", 11, 12)])}, "dead-lettered"),
    ],
)
def test_what_contradicts_the_hypothesis_is_a_deviation(change: dict[str, object], why: str) -> None:
    """An observation that contradicts the hypothesis is a deviation, which is named, whatever else was seen."""
    verdict = judge(EXPERIMENT, replace(SEEN, **change))
    assert verdict.word == "deviated"
    assert any(why in each for each in verdict.deviations), verdict.deviations


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"samples": [*sent(0, 10, GOOD), *sent(10, 30, GOOD)]}, "never seen: reads that were degraded"),
        ({"samples": [*sent(0, 10, GOOD), *sent(10, 11, DEGRADED), *sent(22, 30, GOOD)]}, "fewer than 20"),
        ({"samples": [*WELL, *sent(3, 4, FAILED)]}, "before: "),
        ({"slip_p99_s": 0.6}, "themselves were late"),
    ],
)
def test_a_run_that_has_shown_nothing_is_unknown(change: dict[str, object], why: str) -> None:
    """A run is unknown if an expected effect was not seen, or if the system or the measurement was not well at the
    start."""
    verdict = judge(EXPERIMENT, replace(SEEN, **change))
    assert (verdict.word, verdict.deviations) == ("unknown", [])
    assert any(why in each for each in verdict.vacuous), verdict.vacuous


@pytest.mark.parametrize(
    ("sighting", "seen"),
    [
        (BreakerOpened("api", "database"), True),
        (BreakerOpened("writer", "database"), False),
        (BreakerOpened("api", "queue"), False),
        (Saw("reads", DEGRADED), True),
        (Saw("reads", DEGRADED, "SOME_CODE"), False),
        (Saw("writes", DEGRADED), False),
        (Waited(9), True),
        (Waited(10), False),
        (Slower(1.5), False),
        (Restarted("writer"), False),
    ],
)
def test_sightings(sighting: Sighting, seen: bool) -> None:
    """Each kind of sighting is found if the run has it, and only then."""
    assert sighted(sighting, SEEN) is seen


def test_more_sightings() -> None:
    """Sightings of slowness, restarts, moves and a host's breaker are found if the run has them."""
    slow = [*sent(0, 10, GOOD), *sent(10, 20, GOOD, took_s=0.03)]
    assert sighted(Slower(2), replace(SEEN, samples=slow))
    for watched in (Restarted("writer"), Moved("queue")):
        assert not sighted(watched, SEEN)
        assert sighted(watched, replace(SEEN, changed=[watched]))
    assert sighted(BreakerOpened("external_proxy", "read"), replace(SEEN, opened=[("external_proxy", "host:80 read")]))


def test_of_nothing_nothing_is_contradicted() -> None:
    """An expectation about external calls is not unmet because there were none."""
    assert unmet([Expect("external", (GOOD,)), Within("all", 1)], []) == []


def test_steady_is_a_stretch_and_not_a_moment() -> None:
    """The system is steady after a long enough stretch of good answers; one bad answer starts the count anew, and a
    shorter observation is not enough."""
    samples = [*sent(20, 23, GOOD), *sent(23, 23.1, REJECTED), *sent(23.1, 30, GOOD)]
    assert steady_from(samples, 20, 30) == pytest.approx(23, abs=0.01)
    assert steady_from(samples, 20, 26) is None
    assert steady_from([], 20, 30) is None


def test_the_moments_of_a_recovery() -> None:
    """Detection and containment are measured from the fault's beginning; resume, drain and steady from its end."""
    samples = [*sent(0, 10, GOOD), *sent(10, 12, FAILED), *sent(12, 20, DEGRADED), *sent(20, 30, GOOD)]
    ends = [
        Ended("applied", 5, 5.1),
        Ended("applied", 15, 20.5),
        Ended("applied", 16, 21.5),
        Ended("applied", 25, 25.1),
    ]
    recovered = recovery(samples, MOMENTS, [11.0, 25.0], ends)
    assert recovered.phases_s == {"detect": 1.0, "contain": 1.9, "resume": 0.5, "drain": 1.5, "steady": 2.0}
    assert recovery(samples, replace(MOMENTS, steady=None), [], []).phases_s == {
        "detect": 0.01, "contain": 1.9, "resume": None, "drain": None, "steady": None,
    }  # fmt: skip
    assert [phase_of(MOMENTS, due) for due in (9.9, 10, 20, 22)] == ["before", "fault", "recovery", "after"]


def error(**more: object) -> dict[str, object]:
    """Return an error's document."""
    return {"success": False, "error": {"code": "X"} | more}


def test_a_write_is_in_doubt_until_its_client_knows() -> None:
    """A write without a response, or with an indefinite one, stays in doubt until a definite response."""
    write = Write(Request("POST", "/users", key="key"))
    for document in (None, "nonsense", error(definite=False)):
        write.learn(document)
        assert write.in_doubt
    write.learn(error(definite=True))
    assert not write.in_doubt
    write = Write(Request("POST", "/users", key="key"))
    write.learn({"success": True, "data": {"operation_id": "op"}})
    assert (write.operation, write.in_doubt) == ("op", False)


def test_every_write_of_a_run_is_kept() -> None:
    """Every write of a run is recorded, even without a response; reads are not."""
    writes = Writes()
    writes.completed(0, Request("GET", "/users"), Response(200, b"[]"), GOOD)
    writes.completed(0, Request("POST", "/users", key="a"), Response(0, why="timeout"), UNANSWERED)
    body = b'{"success": true, "data": {"operation_id": "op"}}'
    writes.completed(0, Request("POST", "/users", key="b"), Response(202, body), GOOD)
    assert [(write.request.key, write.in_doubt) for write in writes.sent] == [("a", True), ("b", False)]


@pytest.mark.parametrize("experiment", ALL.values(), ids=ALL)
def test_the_experiments_are_whole(experiment: Experiment) -> None:
    """Each experiment states its hypothesis, breaks something, and would notice if nothing happened."""
    assert experiment.hypothesis.endswith(".")
    assert len(experiment.hypothesis.split()) > 20
    assert experiment.stages
    assert all(stage.faults and stage.share > 0 for stage in experiment.stages)
    assert experiment.during
    assert experiment.must_see
