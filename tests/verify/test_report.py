"""The report of a run: one page that needs nothing else, and the same for machines."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.promises.case import Case
from tests.promises.history import Fault, History
from tests.promises.made import made
from tests.promises.verdict import Word, judge
from tests.verify import pictures, report
from tests.verify.run import Plan, Run
from tests.verify.schedule import Planned

_KILL, _NEVER = "kill of writer", "copy served"


def _run(*, broken: bool = False, never: bool = False) -> Run:
    built = made(3)
    final = built.final()
    if broken:
        final = replace(final, ended=final.ended[1:])
    built.events.append(Fault(2, 4, "hang", "api → <queue>"))
    wanted = (_KILL, *([_NEVER] if never else []))
    case = Case(History(sorted(built.events, key=lambda event: event.at_s)), final)
    plan = Plan(seed=3, seconds=9, per_s=5, letters=0)
    schedule = (Planned(1, 2, "kill", "writer-1"),)
    return Run(plan, schedule, case, judge(case, wanted), ((1.0, 5), (2.0, 0)), (0.0, 9.0), ("A note.",), 0.1, wanted)


@pytest.mark.parametrize(
    ("run", "word", "sentence"),
    [
        (_run(), Word.TRUE, "Every promise was kept."),
        (_run(broken=True), Word.FALSE, "A promise was broken."),
        (_run(never=True), Word.UNKNOWN, "too little happened"),
    ],
    ids=["true", "false", "unknown"],
)
def test_a_page_says_what_was_promised_done_checked_and_found(
    run: Run, word: Word, sentence: str, tmp_path: Path
) -> None:
    """The page, `verdict.json`, the terminal and the picture all state the promises, the faults, the checks and the
    verdict, and the page needs no other file."""
    page, *_ = report.write(tmp_path, run)
    text = page.read_text()
    assert run.verdict.word is word
    assert sentence in text
    for one in run.verdict.checked:
        assert one.promise.partition("'")[0].partition("`")[0] in text
    assert _KILL in text
    assert "--seed 3" in text
    assert "A note." in text
    assert text.count("<svg") == 4
    assert "api → &lt;queue&gt;" in text
    assert "<script" not in text
    assert 'src="' not in text
    document = json.loads((tmp_path / "verdict.json").read_text())
    assert document["verdict"] == word.name.lower()
    assert document["sometimes"][_KILL] == 1
    assert sentence in report.terminal(run, [page])
    picture = pictures.standing_alone(run)
    ElementTree.fromstring(picture)  # noqa: S314 - our own
    assert picture.count("<svg") == 5
    assert (tmp_path / "history.jsonl").read_text().count("\n") == len(run.case.history.events)


def test_a_violation_is_shown_with_the_events_that_belong_to_it(tmp_path: Path) -> None:
    """The page shows a violation together with the events of its operation, so that a reader can follow the write."""
    run = _run(broken=True)
    [lost] = [violation for violation in run.verdict.violations if violation.kind == "lost"]
    page, *_ = report.write(tmp_path, run)
    text = page.read_text()
    assert lost.about in text
    assert text.count(f"&quot;operation_id&quot;: &quot;{lost.about}&quot;") >= 1


def test_machines_get_a_case_for_each_promise_and_for_what_never_happened() -> None:
    """In JUnit's format each promise is a case; a broken promise is a failure, and a wanted event that never happened
    is skipped."""
    suite = ElementTree.fromstring(report.junit(_run(broken=True, never=True)))  # noqa: S314 - our own
    promises = [case for case in suite if case.get("classname") == "promises"]
    broken = {case.get("name") for case in promises if case.find("failure") is not None}
    assert len(promises) == len(_run().verdict.checked)
    assert "lost" in broken
    [never] = [case for case in suite if case.get("classname") == "sometimes"]
    assert never.get("name") == _NEVER
    assert never.find("skipped") is not None
