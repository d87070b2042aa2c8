"""Report: a run as JSON and JUnit for machines, as a page for a stranger (`page.py`), and as text for a terminal."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

from tests.promises.history import lines
from tests.verify.page import WORDS, count, page
from tests.verify.run import Run

_SHOWN = 20


def write(path: Path, run: Run) -> list[Path]:
    """Write into the folder `path`, and return the files, the page first."""
    path.mkdir(parents=True, exist_ok=True)
    files = {
        "report.html": page(run),
        "verdict.json": json.dumps(document(run), indent=2) + "\n",
        "junit.xml": junit(run),
        "history.jsonl": lines(run.case.history.events),
    }
    for name, text in files.items():
        (path / name).write_text(text)
    return [path / name for name in files]


def document(run: Run) -> dict[str, object]:
    """Return the report as JSON."""
    verdict = run.verdict
    return {
        "verdict": verdict.word.name.lower(),
        "never": list(verdict.never),
        "plan": asdict(run.plan),
        "checks": {one.name: [asdict(violation) for violation in one.violations] for one in verdict.checked},
        "sometimes": dict(sorted(verdict.sometimes.items())),
        "faults": [asdict(fault) for fault in run.case.history.faults],
        "ledger": run.case.final.ledger,
        "notes": list(run.notes),
    }


def junit(run: Run) -> str:
    """Return a test case for each promise, and for each event that had to happen."""
    verdict = run.verdict
    suite = ElementTree.Element("testsuite", name="verify", time=f"{run.plan.seconds:g}")
    for one in verdict.checked:
        case = ElementTree.SubElement(suite, "testcase", classname="promises", name=one.name)
        if one.violations:
            failure = ElementTree.SubElement(case, "failure", message=one.violations[0].what)
            failure.text = "\n".join(f"{violation.kind}: {violation.what}" for violation in one.violations)
    for what in verdict.never:
        case = ElementTree.SubElement(suite, "testcase", classname="sometimes", name=what)
        ElementTree.SubElement(case, "skipped", message="it did not happen in this run")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(sum(bool(one.violations) for one in verdict.checked)))
    return str(ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)) + "\n"


def terminal(run: Run, files: Sequence[Path]) -> str:
    """Return the text that is printed at the end."""
    verdict = run.verdict
    rows = [[one.name, count(one), one.promise] for one in verdict.checked]
    out = [*(f"{name:<12}{count:>12}  {promise}" for name, count, promise in rows), ""]
    out += [f"{what:<62}{count:>8}" for what, count in sorted(verdict.sometimes.items())]
    out += [f"  {violation.kind}: {violation.what}" for violation in verdict.violations[:_SHOWN]]
    out += [f"never happened: {what}" for what in verdict.never]
    out += [f"seed {run.plan.seed}: {WORDS[verdict.word]}", *(str(path) for path in files)]
    return "\n".join(out)
