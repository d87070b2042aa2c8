"""The page: what was promised, which faults were injected, what clients saw, what was checked, and what never
happened."""

import time
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from deploy.charts import lanes, svg
from tests.promises import available
from tests.promises.history import Alone, AtRest, Event, Fault, Invoke, lines
from tests.promises.verdict import Checked, Word
from tests.promises.violation import Violation
from tests.verify import pictures
from tests.verify.clients import HELD_UP
from tests.verify.run import Run
from tests.verify.storm import DIED_HALFWAY

_SHOWN, _EVENTS_SHOWN = 20, 40
WORDS = {
    Word.TRUE: "Every promise was kept.",
    Word.FALSE: "A promise was broken.",
    Word.UNKNOWN: "No promise was broken, and too little happened to prove that they are kept.",
}
_STYLE = """*{box-sizing:border-box}body{font:15px/1.5 system-ui,sans-serif;color:#1c2733;max-width:1060px;
margin:24px auto;padding:0 16px}h1{font-size:26px;line-height:1.25;margin-bottom:4px}
h2{font-size:18px;margin-top:36px}h3{font-size:14px;margin:0 0 4px}
table{border-collapse:collapse;width:100%}td,th{padding:4px 12px 4px 0;text-align:left;
border-bottom:1px solid #e3e8ee;vertical-align:top}td:last-child,th:last-child{padding-right:0}
.number{text-align:right;font-variant-numeric:tabular-nums}td.number{white-space:nowrap}
.true{color:#1d7a50}.false{color:#b3261e}.unknown{color:#8a5a00}
.facts{display:flex;flex-wrap:wrap;gap:8px;padding:0;list-style:none}
.facts li{flex:1 1 130px;border:1px solid #e3e8ee;border-radius:6px;padding:8px 12px;color:#51606f;font-size:13px}
.facts b{display:block;font-size:22px;line-height:1.2;color:#1c2733;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}.wide svg{width:100%;min-width:720px;display:block;margin:14px 0}
.groups{columns:2 300px;column-gap:40px}.groups section{break-inside:avoid;margin-bottom:20px}
pre{background:#f5f7fa;padding:10px;overflow-x:auto;font-size:12px}"""
_LIMITS = """<ul>
<li>It shows that nothing went wrong in this run. Other seeds, and longer runs, look elsewhere.</li>
<li>All processes share one machine and one clock: clocks that jump are the simulation's part.</li>
<li>A power loss takes what was not synced. A disk that reports a sync and does not write is not simulated.</li>
<li>Between a write that went past the queue and another one of the same entity or address the order is that of their
commits; where it differs from that of their versions they are counted and not compared.</li></ul>"""
#: The groups of events: a title, and the beginnings of their names.
_GROUPS = {
    "One dependency down, all else well": (" down and all else well",),
    "What clients met": ("write ", "answer ", "client ", "copy ", "queued write", "fresh read", "process not"),
    "Dead letters and operators": ("letter ", "operator", "planted", "a replay"),
    "Faults, and what they hit": ("",),
}


def page(run: Run) -> str:
    """Return one self-contained file."""
    verdict = run.verdict
    word = verdict.word.name.lower()
    parts = [
        f'<h1 class="{word}">{WORDS[verdict.word]}</h1>',
        f"<p>{_summary(run)}</p>",
        _facts(run),
        *(f'<p class="unknown">{escape(note)}</p>' for note in run.notes),
        *_broken(run),
        "<h2>What is promised, and how it was checked</h2>",
        "<p>Each check is a function over the record of what clients sent and received, and what the stores hold at"
        " rest. It shares no code with the system. Its tests show that it fails on a run that breaks its promise.</p>",
        _checks(verdict.checked),
        "<h2>What was done to it</h2>",
        f"<p>{_done(run)}</p>",
        _wide(lanes.inline(pictures.lanes(run))),
        "<h2>What clients saw</h2>",
        *(_wide(svg.inline(chart)) for chart in pictures.charts(run)),
        *_alone(run),
        "<h2>How often each thing happened</h2>",
        "<p>A run in which one of the marked things never happens proves nothing: its verdict is <i>unknown</i>.</p>",
        _sometimes(run),
        "<h2>What it cannot show</h2>",
        _LIMITS,
        "<h2>Again</h2>",
        f"<pre>make verify ON={run.plan.on} ARGS='--seed {run.plan.seed} --seconds {run.plan.seconds:g}"
        f" --rate {run.plan.per_s:g} --letters {run.plan.letters}"
        f" --partitions {run.plan.partitions}'</pre><p>The same seed draws the same requests and"
        " faults. Real processes interleave differently each time. <code>history.jsonl</code> beside this page has"
        " every event.</p>",
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>verify: {word}</title><style>{_STYLE}{svg.style()}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


def count(one: Checked) -> str:
    """Return the verdict of one check in words."""
    return f"{len(one.violations)} broken" if one.violations else "kept"


def _summary(run: Run) -> str:
    return (
        f"{time.strftime('%Y-%m-%d %H:%M %Z')}, seed {run.plan.seed}, on {run.plan.on}. The real system got"
        f" {run.plan.per_s:g} new requests a second, whether or not it kept up, while it and what is behind it were"
        " broken. Then everything was mended, and the database, the streams, the dead letters and the third party's"
        " own log were compared with what the clients had been answered."
    )


def _facts(run: Run) -> str:
    history, writes = run.case.history, run.case.writes
    acknowledged = sum(intent.acknowledged is not None for intent in writes.intents)
    rest = next((f"{rest.at_s - rest.mended_s:.0f} s" for rest in history.of(AtRest)), "never")
    kept = sum(not one.violations for one in run.verdict.checked)
    facts = [
        (f"{kept} of {len(run.verdict.checked)}", "checks passed"),
        (f"{acknowledged:,}", "writes acknowledged, none may be lost"),
        (f"{len(history.attempts):,}", "attempts by clients"),
        (f"{sum(fault.what != HELD_UP for fault in history.faults):,}", "times something was broken"),
        (f"{run.load_s[1] - run.load_s[0]:.0f} s", "under load"),
        (rest, "from the mending to rest"),
    ]
    return '<ul class="facts">' + "".join(f"<li><b>{value}</b>{what}</li>" for value, what in facts) + "</ul>"


def _broken(run: Run) -> Iterator[str]:
    verdict = run.verdict
    if verdict.never:
        yield "<h2>What did not happen</h2><ul>"
        yield "".join(f"<li>{escape(what)}</li>" for what in verdict.never) + "</ul>"
    if verdict.violations:
        yield f"<h2>What was broken ({len(verdict.violations)})</h2>"
    for violation in verdict.violations[:_SHOWN]:
        yield f'<p class="false"><b>{escape(violation.kind)}</b>: {escape(violation.what)}</p>'
        if events := _about(run, violation):
            yield f"<pre>{escape(lines(events))}</pre>"


def _about(run: Run, violation: Violation) -> list[Event]:
    """Return the events that belong to a violation, and the faults at that time."""
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


def _wide(svg_element: str) -> str:
    """Make a picture scroll on a narrow screen, where its text would be too small."""
    return f'<div class="wide">{svg_element}</div>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int) -> str:
    """Return a table whose columns from this one on are numbers."""

    def row(cells: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=number' if at >= numbers_from else ''}>{cell}</{tag}>" for at, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in rows)
    top = f"<tr>{row(head, 'th')}</tr>" if any(head) else ""
    return f"<table>{top}{body}</table>"


def _checks(checked: Sequence[Checked]) -> str:
    rows = [
        (escape(one.promise), one.name, f'<b class="{"false" if one.violations else "true"}">{count(one)}</b>')
        for one in checked
    ]
    return _table(("promise", "check", "verdict"), rows, 3)


def _done(run: Run) -> str:
    dies = " Writers also die by <code>kill -9</code> between commit and acknowledgement."
    halfway = dies if DIED_HALFWAY in run.wanted else ""
    held_up_s = sum(fault.until_s - fault.at_s for fault in run.case.history.faults if fault.what == HELD_UP)
    slow = (
        f" This machine had so much to do that the clients themselves got no time for {held_up_s:.0f} s in all;"
        " what came late then is not held against the system."
        if held_up_s
        else ""
    )
    return (
        f"The schedule is drawn from the seed.{halfway} Meanwhile {run.plan.letters:,} dead letters of a release that"
        " went wrong, which an operator has mended but for one in ten, are sent again. What the schedule did not bring"
        " about is tried again. Then each store, and some of our own processes, are taken away while all else is"
        f" well.{slow}"
    )


def _alone(run: Run) -> Iterator[str]:
    history = run.case.history
    rows = []
    for alone in history.of(Alone):
        cells = [escape(alone.dependency), f"{alone.until_s - alone.at_s:.0f} s"]
        asked = available.asked(history, alone).values()
        rows.append(cells + [f"{sum(map(available.is_usable, each))} of {len(each)}" for each in asked])
    if rows:
        yield "<h2>One dependency down, all else well</h2><p>From"
        yield f" {available.NOTICED_S:.0f} s after it went: what clients may ask of the system then, and got.</p>"
        yield _table(("down", "for", "reads answered", "writes accepted"), rows, 1)


def _sometimes(run: Run) -> str:
    wanted, counts = set(run.wanted), run.verdict.sometimes
    left = sorted(wanted | counts.keys())
    groups = []
    for title, begins in _GROUPS.items():
        mine = [what for what in left if any(begin in what and _matches(what, begin) for begin in begins)]
        left = [what for what in left if what not in mine]
        rows = [(f"{escape(what)}{' *' if what in wanted else ''}", f"{counts[what]:,}") for what in mine]
        if rows:
            groups.append(f"<section><h3>{title}</h3>{_table(('', ''), rows, 1)}</section>")
    return f'<div class="groups">{"".join(groups)}</div><p>* has to happen</p>'


def _matches(what: str, begin: str) -> bool:
    return begin.startswith(" ") or what.startswith(begin)
