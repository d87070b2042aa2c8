"""Show: results for people, in a terminal or a log, and for machines."""

import os
import sys
from dataclasses import asdict
from typing import Any

from deploy.scenarios.expect import ABSENT
from deploy.scenarios.run import Result
from deploy.scenarios.steps import Request, Scenario

_GREEN, _RED, _GREY, _BOLD = "32", "31", "90", "1"


def heading(scenario: Scenario) -> str:
    """Print the heading of a scenario."""
    return f"\n{_in(_BOLD, scenario.name)}\n{scenario.shows}\n"


def step(number: int, result: Result) -> str:
    """Print a step: what was done, what the client saw, what was expected."""
    lines = [f"{number:>2}  {_in(_BOLD, result.what)}"]
    if result.response:
        status = result.response.status or "no response"
        waited = f", as expected after {result.took_s:.1f} s" if result.took_s > 2 * result.response.seconds + 1 else ""
        lines.append(f"    {result.request}")
        lines.append(f"    -> {status} in {result.response.seconds * 1000:.0f} ms{waited if result.ok else ''}")
    elif not isinstance(result.step, Request):
        lines[0] += _in(_GREY, f"  ({result.took_s:.1f} s)")
    lines += [f"    {line}" for line in result.text.splitlines()]
    for check in result.checks:
        if check.ok:
            lines.append(f"    {_in(_GREEN, 'ok')}    {check.what} {check.wanted}" + _seen(check.wanted, check.seen))
        else:
            lines.append(f"    {_in(_RED, 'WRONG')} {check.what} {check.wanted}, and was {check.seen}")
    if not result.ok and result.response:
        lines.append(f"    the whole response: {str(result.response.body)[:2000]}")
    return "\n".join(lines) + "\n"


def verdict(scenario: Scenario, results: list[Result], trouble: str = "") -> str:
    """Print the verdict on a scenario."""
    wrong = sum(not result.ok for result in results)
    looked_at = sum(len(result.checks) for result in results)
    if trouble:
        return _in(_RED, f"{scenario.name}: not finished: {trouble}")
    if wrong:
        return _in(_RED, f"{scenario.name}: {wrong} of {len(results)} steps not as expected")
    return _in(_GREEN, f"{scenario.name}: all as expected ({len(results)} steps, {looked_at} expectations)")


def for_machines(scenario: Scenario, results: list[Result], trouble: str = "") -> dict[str, Any]:
    """Return the results as a JSON document."""
    return {
        "scenario": scenario.name,
        "shows": scenario.shows,
        "passed": not trouble and all(result.ok for result in results),
        "trouble": trouble or None,
        "steps": [
            {
                "kind": type(result.step).__name__.lower(),
                "what": result.what,
                "request": result.request or None,
                "status": result.response.status if result.response else None,
                "answered_in_s": round(result.response.seconds, 4) if result.response else None,
                "took_s": round(result.took_s, 3),
                "ok": result.ok,
                "expectations": [asdict(check) for check in result.checks],
            }
            for result in results
        ],
    }


def _seen(wanted: str, seen: str) -> str:
    return "" if wanted in (f"is {seen}", ABSENT.text) else _in(_GREY, f": {seen}")


def _in(colour: str, text: str) -> str:
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return f"\x1b[{colour}m{text}\x1b[0m" if coloured else text
