"""The generator's input and output: mixes, outcomes, targets, verdicts."""

from typing import Any

import orjson
import pytest

from deploy.client.connections import Response
from deploy.client.outcome import Outcome, classify
from deploy.client.plan import Kind, parse
from deploy.client.requests import prepare
from deploy.load import verdict
from deploy.load.verdict import Word, judge


def test_a_mix_is_weights() -> None:
    """The weights of a mix need not add up to 100."""
    assert parse(" reads=80, writes=0.5 ") == {Kind.READS: 80, Kind.WRITES: 0.5}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("reads=80,deletes=20", "'deletes' is not a kind of request: use reads, lists, writes, updates, external"),
        ("", "'nothing' is not a kind"),
        ("reads", "has no number, like reads=80"),
        ("reads=x", "has no number"),
        ("reads=-1", "is not 0 or more"),
        ("reads=nan", "is not 0 or more"),
        ("reads=1,reads=2", "reads is there twice"),
        ("reads=0", "every weight is 0"),
    ],
)
def test_a_mix_that_is_wrong_says_what_would_be_right(text: str, says: str) -> None:
    """An invalid mix is refused in terms of the typed text, with the valid words."""
    with pytest.raises(ValueError, match="MIX=") as caught:
        parse(text)
    assert says in str(caught.value)


def _error(**error: object) -> bytes:
    return orjson.dumps({"success": False, "error": error})


@pytest.mark.parametrize(
    ("response", "write", "outcome", "code"),
    [
        (Response(200), False, Outcome.GOOD, ""),
        (Response(202), True, Outcome.GOOD, ""),
        (Response(200, degraded=True), False, Outcome.DEGRADED, ""),
        (Response(503, _error(code="SHED", definite=True), retry_after=True), True, Outcome.REJECTED, "SHED"),
        (Response(429, _error(code="LIMITED", definite=True), retry_after=True), False, Outcome.REJECTED, "LIMITED"),
        (Response(503, _error(code="SHED", definite=True)), False, Outcome.FAILED, "SHED"),
        (Response(503, _error(code="SHED", retryable=False), retry_after=True), False, Outcome.FAILED, "SHED"),
        (Response(503, _error(code="LATE", definite=False), retry_after=True), True, Outcome.INDETERMINATE, "LATE"),
        (Response(503, _error(code="LATE", definite=False), retry_after=True), False, Outcome.REJECTED, "LATE"),
        (Response(504, _error(code="LATE"), retry_after=True), False, Outcome.FAILED, "LATE"),
        (Response(502, b"<html>bad gateway</html>"), True, Outcome.INDETERMINATE, "HTTP_502"),
        (Response(502, b"[1]"), False, Outcome.FAILED, "HTTP_502"),
        (Response(404, _error(code="USER_NOT_FOUND", definite=True)), False, Outcome.FAILED, "USER_NOT_FOUND"),
        (Response(0, why="timeout"), True, Outcome.UNANSWERED, "TIMEOUT"),
        (Response(0, why="connect_timeout"), False, Outcome.UNANSWERED, "CONNECT_TIMEOUT"),
    ],
)
def test_outcomes(response: Response, write: bool, outcome: Outcome, code: str) -> None:
    """A refusal is rejected only if it is retryable and says when to retry; otherwise it is a failure. A write that may
    have taken effect is indeterminate."""
    assert classify(response, write=write) == (outcome, code)


def _summary(**changed: Any) -> dict[str, Any]:
    part = {
        "requests": 100,
        "per_s": 10.0,
        "shares": {"answered": 99.0, **{outcome.word: 0.0 for outcome in Outcome}, "good": 99.0, "failed": 1.0},
        "latency_ms": {"p50": 1.0, "p90": 2.0, "p95": 3.0, "p99": 40.0, "p999": 50.0, "max": 60.0},
        "end_to_end_ms": None,
        "followed": {"not_over": 0},
    }
    generator = {"slip_p99_ms": 1.0, "dropped": 0} | changed
    phases = {"fault:a": part, "fault:b": part, "after": part}
    return {"all": part, "interrupted": False, "phases": phases, "generator": generator}


def _word(targets: str, **changed: Any) -> Word:
    return judge(_summary(**changed), verdict.parse(targets)).word


def test_verdicts() -> None:
    """A verdict is passed if all targets are met, failed if one is missed, and unknown if a target cannot be judged."""
    assert _word("answered>=99,p99<=40,not_over<=0") is Word.PASSED
    assert _word("answered>=99,p99<=39") is Word.FAILED
    assert _word("answered>=99,e2e_p99<=1000") is Word.UNKNOWN  # no write was followed
    assert _word("p99<=39,e2e_p99<=1000") is Word.FAILED  # a missed target decides
    assert _word("before.good>=99") is Word.UNKNOWN  # there is no such phase
    assert _word("fault.failed<=0.5") is Word.FAILED


def test_a_phase_before_the_dot_stands_for_all_that_begin_so() -> None:
    """A phase name in a target stands for all phases that begin with it, and each of them is judged."""
    checked = judge(_summary(), verdict.parse("fault.good>=99")).checked
    assert [one.target for one in checked] == ["fault:a.good>=99", "fault:b.good>=99"]


@pytest.mark.parametrize("changed", [{"slip_p99_ms": 10.5}, {"dropped": 1}])
def test_a_generator_that_measured_itself_has_no_verdict(changed: dict[str, float]) -> None:
    """If the generator was late or dropped requests, the verdict is unknown, whatever the numbers are."""
    assert _word("answered>=99", **changed) is Word.UNKNOWN
    assert _word("answered>=100", **changed) is Word.UNKNOWN


@pytest.mark.parametrize("text", ["p99", "p99<100", "p98<=100", "p99<=fast", "good>=-1"])
def test_a_target_that_is_none_is_refused(text: str) -> None:
    """An invalid target is refused with the list of known names."""
    with pytest.raises(ValueError, match=r"TARGETS: .* answered"):
        verdict.parse(text)


async def test_two_runs_without_users_have_keys_of_their_own() -> None:
    """Two runs without prepared users use different idempotency keys and bodies, so that the second run writes new
    users."""
    first, second = [(await prepare("http://127.0.0.1:9", "", 0)).request(Kind.WRITES, 0) for _ in range(2)]
    assert first.headers != second.headers
    assert first.body != second.body
