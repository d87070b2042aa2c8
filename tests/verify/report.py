"""Report: a run as one page for a stranger, as JSON and JUnit for machines, and for a terminal."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from xml.etree import ElementTree

from deploy.charts import lanes, svg, table
from tests.promises.history import AtRest, Event, Fault, Invoke, lines
from tests.promises.verdict import Checked, Word
from tests.promises.violation import Violation
from tests.verify import pictures
from tests.verify.clients import HELD_UP
from tests.verify.run import Run

_SHOWN, _EVENTS_SHOWN = 20, 40
_WORDS = {
    Word.TRUE: "Every promise was kept.",
    Word.FALSE: "A promise was broken.",
    Word.UNKNOWN: "No promise was broken, and too little happened to prove that they are kept.",
}
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;color:#1c2733;max-width:1060px;margin:24px auto;padding:0 16px}
h1{font-size:24px;margin-bottom:4px}h2{font-size:17px;margin-top:32px}table{border-collapse:collapse}
td,th{padding:4px 12px 4px 0;text-align:left;border-bottom:1px solid #e3e8ee;vertical-align:top}
.number{text-align:right;font-variant-numeric:tabular-nums}
.true{color:#1d7a50}.false{color:#b3261e}.unknown{color:#8a5a00}svg{width:100%;display:block;margin:14px 0}
pre{background:#f5f7fa;padding:10px;overflow-x:auto;font-size:12px}"""
_LIMITS = """<ul>
<li>It shows that nothing went wrong in this run. Other seeds, and longer runs, look elsewhere.</li>
<li>All processes share one machine and one clock: clocks that jump are the simulation's part.</li>
<li>A power loss takes what was not synced. A disk that reports a sync and does not write is not simulated.</li>
<li>Between a write that went past the queue and a queued one of the same entity no order is promised; such pairs are
counted and not compared.</li></ul>"""


def write(path: Path, run: Run) -> list[Path]:
    """Into the folder `path`; the files, the page first."""
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
    """For machines."""
    verdict = run.verdict
    return {
        "verdict": verdict.word.name.lower(),
        "never": list(verdict.never),
        "plan": asdict(run.plan),
        "checks": {one.name: [asdict(violation) for violation in one.violations] for one in verdict.checked},
        "sometimes": dict(sorted(verdict.sometimes.items())),
        "faults": [asdict(fault) for fault in run.case.history.faults],
        "notes": list(run.notes),
    }


def junit(run: Run) -> str:
    """A test case for each promise, and for each thing that had to happen."""
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
    """What is printed at the end."""
    verdict = run.verdict
    rows = [[one.name, _count(one), one.promise] for one in verdict.checked]
    out = [*(f"{name:<12}{count:>12}  {promise}" for name, count, promise in rows), ""]
    out += [f"{what:<62}{count:>8}" for what, count in sorted(verdict.sometimes.items())]
    out += [f"  {violation.kind}: {violation.what}" for violation in verdict.violations[:_SHOWN]]
    out += [f"never happened: {what}" for what in verdict.never]
    out += [f"seed {run.plan.seed}: {_WORDS[verdict.word]}", *(str(path) for path in files)]
    return "\n".join(out)


def page(run: Run) -> str:
    """One file that needs nothing else."""
    verdict = run.verdict
    word = verdict.word.name.lower()
    parts = [
        f'<h1 class="{word}">{_WORDS[verdict.word]}</h1>',
        f"<p>{_summary(run)}</p>",
        *(f'<p class="unknown">{escape(note)}</p>' for note in run.notes),
        *_broken(run),
        "<h2>What is promised, and how it was checked</h2>",
        "<p>Each check is a function over the record of what clients sent and received, and what the stores hold at"
        " rest. It shares no code with the system. Its tests show that it fails on a run that breaks its promise.</p>",
        _checks(verdict.checked),
        "<h2>What was done to it</h2>",
        f"<p>{_done(run)}</p>",
        lanes.inline(pictures.lanes(run)),
        "<h2>What clients saw</h2>",
        *map(svg.inline, pictures.charts(run)),
        "<h2>How often each thing happened</h2>",
        "<p>A run in which one of the marked things never happens proves nothing: its verdict is <i>unknown</i>.</p>",
        _sometimes(run),
        "<h2>What it cannot show</h2>",
        _LIMITS,
        "<h2>Again</h2>",
        f"<pre>make verify ARGS='--seed {run.plan.seed} --seconds {run.plan.seconds:g} --rate {run.plan.per_s:g}"
        f" --letters {run.plan.letters}'</pre><p>The same seed draws the same requests and faults. Real processes"
        " interleave differently each time. <code>history.jsonl</code> beside this page has every event.</p>",
    ]
    head = f'<meta charset="utf-8"><title>verify: {word}</title><style>{_STYLE}{svg.style()}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _summary(run: Run) -> str:
    history = run.case.history
    writes = run.case.writes
    acknowledged = sum(intent.acknowledged is not None for intent in writes.intents)
    faults = sum(fault.what != HELD_UP for fault in history.faults)
    rest = next((f" It came to rest {rest.at_s - rest.mended_s:.1f} s later." for rest in history.of(AtRest)), "")
    return (
        f"{time.strftime('%Y-%m-%d %H:%M %Z')}, seed {run.plan.seed}. For {run.plan.seconds:g} s real processes of the"
        f" system got {run.plan.per_s:g} new requests a second, whether or not it kept up, while it was broken"
        f" {faults} times. {len(history.attempts):,} attempts were made at {len(writes.intents):,} writes and at reads;"
        f" {acknowledged:,} writes were acknowledged. Then everything was mended.{rest} The database, the streams, the"
        " dead letters and the third party's own log were compared with what the clients had been answered."
    )


def _broken(run: Run) -> Iterator[str]:
    verdict = run.verdict
    if verdict.never:
        yield "<h2>What did not happen</h2><ul>"
        yield "".join(f"<li>{escape(what)}</li>" for what in verdict.never) + "</ul>"
    if verdict.violations:
        yield f"<h2>What was broken ({len(verdict.violations)})</h2>"
    for violation in verdict.violations[:_SHOWN]:
        yield f'<p class="false"><b>{escape(violation.kind)}</b>: {escape(violation.what)}</p>'
        yield f"<pre>{escape(lines(_about(run, violation)))}</pre>"


def _about(run: Run, violation: Violation) -> list[Event]:
    """The events that belong to it, and the faults meanwhile."""
    history, about = run.case.history, violation.about
    if not about:
        return []
    mine = [event for event in history.events if not isinstance(event, Fault) and about in str(event)]
    attempts = {getattr(event, "attempt", 0) for event in mine} - {0}
    keys = {event.key for event in mine if isinstance(event, Invoke) and event.key}
    attempts |= {attempt.sent.attempt for attempt in history.attempts if attempt.sent.key in keys}
    same = {id(event) for event in mine}
    found = [event for event in history.events if id(event) in same or getattr(event, "attempt", 0) in attempts]
    if not found:
        return []
    first, last = found[0].at_s, found[-1].at_s
    faults = [fault for fault in history.faults if fault.until_s >= first and fault.at_s <= last]
    shown: list[Event] = sorted([*found, *faults], key=lambda event: event.at_s)
    return shown[:_EVENTS_SHOWN]


def _count(one: Checked) -> str:
    return f"{len(one.violations)} broken" if one.violations else "kept"


def _checks(checked: Sequence[Checked]) -> str:
    rows = "".join(
        f'<tr><td>{escape(one.promise)}</td><td>{one.name}</td><td class="{"false" if one.violations else "true"}">'
        f"{_count(one)}</td></tr>"
        for one in checked
    )
    return f"<table><tr><th>promise</th><th>check</th><th>verdict</th></tr>{rows}</table>"


def _done(run: Run) -> str:
    held_up_s = sum(fault.until_s - fault.at_s for fault in run.case.history.faults if fault.what == HELD_UP)
    slow = (
        f" This machine had so much to do that the clients themselves got no time for {held_up_s:.0f} s in all;"
        " what came late then is not held against the system."
        if held_up_s
        else ""
    )
    return (
        f"The schedule is drawn from the seed. Two of the writers also die by <code>kill -9</code> between commit and"
        f" acknowledgement. Meanwhile {run.plan.letters:,} dead letters of a release that went wrong, which an operator"
        f" has mended but for one in ten, are sent again.{slow}"
    )


def _sometimes(run: Run) -> str:
    wanted, counts = set(run.wanted), run.verdict.sometimes
    rows = [[f"{what}{' *' if what in wanted else ''}", f"{counts[what]:,}"] for what in sorted(wanted | counts.keys())]
    return table.html(("", "times"), rows) + "<p>* has to happen</p>"
