"""Report: writes a run as a folder with `summary.json`, `report.html` (one file) and `charts.svg`, and as terminal
output."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from deploy.charts import svg, table
from deploy.charts.chart import Chart
from deploy.charts.table import ms, percent
from deploy.client.outcome import Outcome
from deploy.load.progress import SHORT
from deploy.load.verdict import Verdict
from deploy.local.places import LOCAL, REPO

_LATENCIES = ("p50", "p90", "p99", "max")
_HEAD = ("", "requests", "/s", *(outcome.word for outcome in Outcome), *_LATENCIES, "e2e p50", "e2e p99")
_ERRORS_SHOWN = 12
_STYLE = """body{font:14px/1.45 system-ui,sans-serif;color:#1c2733;max-width:1060px;margin:24px auto;padding:0 16px}
h1{font-size:22px}h2{font-size:16px;margin-top:28px}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{white-space:nowrap;padding:3px 10px;text-align:right;border-bottom:1px solid #e3e8ee}
td:first-child,th:first-child{text-align:left}
.passed{color:#1d7a50}.failed{color:#b3261e}.unknown{color:#8a5a00}body>svg{width:100%;display:block;margin:18px 0}"""


def folder(what: str = "load") -> Path:
    """Make a new folder under `.local/`, named after the time, and return it."""
    path = LOCAL / what / time.strftime("%Y%m%d-%H%M%S")
    path.mkdir(parents=True, exist_ok=True)
    return path


def write(path: Path, title: str, summary: dict[str, Any], verdict: Verdict, charts: Sequence[Chart]) -> list[Path]:
    """Write into the folder `path`, and return the files."""
    judged = {"verdict": verdict.word.name.lower(), "reasons": list(verdict.reasons)}
    document = judged | {"targets": [asdict(one) for one in verdict.checked]} | summary
    numbers, page = path / "summary.json", path / "report.html"
    numbers.write_text(json.dumps(document, indent=2) + "\n")
    page.write_text(_html(title, summary, verdict, charts))
    return [numbers, page, *svg.write(charts, path / "charts.svg")]


def terminal(summary: dict[str, Any], verdict: Verdict) -> str:
    """Return the text that is printed at the end."""
    generator = summary["generator"]
    rows = list(_rows(summary))
    ends = 3 + len(Outcome)
    lines = [
        table.text(("", "requests", "/s", *SHORT), [row[:ends] for row in rows]),
        "",
        table.text(("", *_HEAD[ends:]), [[row[0], *row[ends:]] for row in rows]),
        "",
        "degr: a marked copy; rej: refused, to be sent again; ind: not known whether it",
        "happened; none: no response.",
        "Latencies in ms from the intended start; e2e: from there until a write was seen applied.",
        f"Generator: late by {generator['slip_p99_ms']:.1f} ms (p99), {generator['dropped']} not sent,"
        f" at most {generator['in_flight_peak']} in flight, {generator['cores']:.2f} of a core.",
        *_errors(summary),
        "",
        *(f"{'met    ' if one.met else 'MISSED '} {one.target}: {_found(one.found)}" for one in verdict.checked),
        *(f"UNKNOWN {reason}" for reason in verdict.reasons),
        f"verdict: {verdict.word.name}",
    ]
    return "\n".join(lines)


def _rows(summary: dict[str, Any]) -> Iterator[list[str]]:
    for name, part in [("all", summary["all"]), *summary["kinds"].items(), *summary["phases"].items()]:
        latency, ends = part["latency_ms"] or {}, part["end_to_end_ms"] or {}
        yield [
            name,
            f"{part['requests']:,}",
            ms(part["per_s"]),
            *(percent(part["shares"][outcome.word]) + " %" for outcome in Outcome),
            *(ms(latency.get(share)) for share in _LATENCIES),
            ms(ends.get("p50")),
            ms(ends.get("p99")),
        ]


def _errors(summary: dict[str, Any]) -> Iterator[str]:
    errors = summary["errors"][:_ERRORS_SHOWN]
    if errors:
        yield "Errors: " + ", ".join(f"{one['count']} × {one['code']} ({one['kind']})" for one in errors)
    if left := summary["all"]["followed"]["not_over"]:
        yield f"{left} of the followed writes had not ended when we stopped polling."


def _found(found: float | None) -> str:
    return "no value" if found is None else f"{found:,.3f}".rstrip("0").rstrip(".")


def _html(title: str, summary: dict[str, Any], verdict: Verdict, charts: Sequence[Chart]) -> str:
    word = verdict.word.name.lower()
    plan = summary["plan"]
    mix = ", ".join(f"{name} {weight:g}" for name, weight in plan["mix"].items())
    targets = [[one.target, _found(one.found), "met" if one.met else "MISSED"] for one in verdict.checked]
    errors = [[one["code"], one["kind"], str(one["count"])] for one in summary["errors"]]
    began = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(summary["began"]))
    generator = [[name, f"{value:,.2f}"] for name, value in summary["generator"].items()]
    parts = [
        f"<h1>{escape(title)}: <span class={word}>{word}</span></h1>",
        f"<p>{began}; {plan['per_s']:g} requests/s ({plan['arrivals']}) for {plan['duration_s']:g} s to"
        f" {escape(plan['api'])}; {escape(mix)}. Open loop: latency counts from the intended start.</p>",
        *(f"<p class=unknown>Unknown: {escape(reason)}</p>" for reason in verdict.reasons),
        table.html(("target", "found", ""), targets),
        *map(svg.inline, charts),
        "<h2>Numbers</h2>",
        table.html(_HEAD, list(_rows(summary))),
        "<h2>Errors</h2>",
        table.html(("code", "kind", "count"), errors) if errors else "<p>None.</p>",
        "<h2>The generator</h2>",
        table.html(("", ""), generator),
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}{svg.style()}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


def show(text: str, files: Sequence[Path]) -> None:
    """Print the result, with the places of the files."""
    where = [str(path.relative_to(REPO)) if path.is_relative_to(REPO) else str(path) for path in files]
    sys.stdout.write(f"\n{text}\n{'  '.join(where)}\n")
