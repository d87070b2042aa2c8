"""Decisions: how many are recorded, how many are kept, and what they say."""

import ast
from itertools import chain
from pathlib import Path

import pytest

from holdfast.services.dlq_admin.requests.wording import SAYS, sentence
from holdfast.shared.http.explain.allowance import Allowance, Because
from holdfast.shared.resilience.breaker.refusal import Refusal
from holdfast.shared.resilience.retry_rules import Suppressed
from holdfast.shared.telemetry import decisions
from holdfast.shared.telemetry.decisions import Lines, Notes, decided, note
from holdfast.shared.telemetry.logs import Action
from tests.conftest import ROOT


def test_a_flood_is_a_few_lines_a_second() -> None:
    """Only a few lines of one kind are logged per second; the next line states how many were left out, and other kinds
    have their own count."""
    lines = Lines(2)
    shed, limited = Action.REQUEST_SHED, Action.RATE_LIMITED
    assert [lines.allow(shed, 7.0 + each / 10) for each in range(5)] == [0, 0, None, None, None]
    assert lines.allow(limited, 7.9) == 0
    assert [lines.allow(shed, 8.0), lines.allow(shed, 8.1)] == [3, 0]


def test_an_allowance_is_a_burst_and_then_a_rate() -> None:
    """Each reason has an allowance of its own: a burst of 500, and then 20 a second."""
    allowance = Allowance(100.0)
    assert sum(allowance.take(Because.TROUBLE, 100.0) for _ in range(1000)) == 500
    assert allowance.take(Because.WRITE, 100.0)
    assert sum(allowance.take(Because.TROUBLE, 101.0) for _ in range(1000)) == 20


def test_notes_belong_to_the_request_that_is_being_served() -> None:
    """Notes are taken only while a request is served, and at most 100 for each request."""
    note(Action.NO_COPY, of="page")
    notes = Notes("req_12345678", kept=True)
    token = decisions.begin(notes)
    for _ in range(1000):
        note(Action.NO_COPY, of="page")
    decisions.end(token)
    note(Action.NO_COPY, of="page")
    assert len(notes.taken) == 100


def test_notes_that_nobody_keeps_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Notes that are not kept are not taken, and the logs still have the line with the request's id."""
    monkeypatch.setattr(decisions, "_lines", Lines(10))  # other tests may have used up this second's lines
    notes = Notes("req_12345678", kept=False)
    token = decisions.begin(notes)
    decided(Action.CALL_REFUSED, breaker="database")
    decisions.end(token)
    assert notes.taken == []
    line = capsys.readouterr().out
    assert "call_refused" in line
    assert "req_12345678" in line


def _noted() -> set[str]:
    """Return every action that the code notes."""
    found = set()
    for path in chain((ROOT / "services").rglob("*.py"), (ROOT / "shared").rglob("*.py")):
        for call in ast.walk(ast.parse(Path(path).read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("note", "decided") and call.args:
                action = call.args[0]
                if isinstance(action, ast.Attribute):
                    found.add(action.attr)
    return found


def test_every_decision_has_a_sentence() -> None:
    """Every action that the code notes has a sentence, and no sentence is left over."""
    assert _noted() == {Action(each).name for each in SAYS}


@pytest.mark.parametrize("action", SAYS)
def test_a_sentence_does_without_its_numbers(action: str) -> None:
    """A sentence is complete without its numbers, which another build may have left out or made null; an unknown action
    is shown by its name."""
    assert sentence({"action": action}).endswith(".")
    assert sentence({"action": action, "age_s": None, "degraded": None}).endswith(".")
    assert sentence({"action": "of_another_build"}) == "of_another_build."


@pytest.mark.parametrize("refusal", Refusal)
def test_each_refusal_has_a_sentence_of_its_own(refusal: Refusal) -> None:
    """No refusal falls through to the general sentence."""
    text = sentence({"action": "call_refused", "breaker": "database", "refusal": refusal.value})
    assert "database" in text
    assert "did not let" not in text


@pytest.mark.parametrize("why", Suppressed)
def test_each_suppression_has_a_sentence_of_its_own(why: Suppressed) -> None:
    """Each reason why an attempt was not made has a sentence of its own."""
    text = sentence({"action": "retry_suppressed", "dependency": "third_party", "why": why.value})
    assert not text.endswith(f" {why.value}.")
    assert "third_party" in text


def test_a_breaker_says_on_what_it_opened() -> None:
    """The sentence on an open breaker states why it opened, with the numbers that it had then."""
    text = sentence({
        "action": "call_refused", "breaker": "database", "refusal": "open", "retry_after_s": 3.0, "open_for_s": 12.0,
        "why": "failure_share", "calls": 6, "failures": 5, "unreachable_in_a_row": 0,
    })  # fmt: skip
    assert text == "The breaker database is open since 12.0 s (5 of 6 calls failed): not called, again in 3.0 s."
