"""Builds docs/failure-modes.md from the table."""

import re
from collections.abc import Iterable, Mapping

from deploy.failure_modes.cell import Cell, Dependency, Effect, Failure, Impossible, Mode, SameAs, proof_name
from deploy.failure_modes.dependencies.network import PAIRS
from deploy.failure_modes.references import limit
from deploy.failure_modes.simulated import SIMULATED
from deploy.failure_modes.table import TABLE
from deploy.reference.markdown import page, table

_ABOUT = f"""If an alert has fired, [start there](#from-an-alert). Otherwise find the part that you suspect in the
[overview](#overview): each word links to what clients see, how it heals, and what you have to do.

Alerts link to their runbooks. The time after an alert is how long its condition lasts in production before it fires;
the demo profile is quicker. An alert without a time fires as soon as its condition is true. Prometheus scrapes every
{limit("SCRAPE_EVERY_S")}. Every other number is a setting, a limit or a measurement, and links to it. Each section ends
with its proofs: tests and commands. The names after `make simulate` are faults, which its seeds draw.

*Same as* refers to another mode of the same part, or to the part and mode that it names."""

_WHY = """## Why systems fail

Parts fail all the time. A system fails when its parts make a failure worse:

- *Parts wait for the failed part.* A call without a limit turns one hung part into a hung system. So every wait has a
  limit, inner limits end before outer ones, and blocking calls to a dependency have threads of their own.
- *Parts repeat their calls.* Retries multiply the load on a part that is already too slow. So there is one layer of
  retries, paid for by first attempts, and a breaker that stops the calls.
- *Parts believe a wrong answer.* Half an answer, a lost reply, a clock or an old primary is taken for the truth. So
  known facts are kept apart from likely ones: `definite`, `stale`, `pending`, a version for each field.
- *Parts forget.* Work that is in memory only is lost with the process. So nothing is acknowledged before it is on disk,
  and everything may happen twice.
- *Parts do not notice.* A fallback that works too well hides the outage behind it. So each fallback is marked, counted
  and alerted on, and a ledger compares the promised writes with the writes that are there.
- *Parts come back all at once.* So load returns by a ramp, and one probe goes first.

## How to predict failure modes

List everything that an answer needs: each store and service, but also disk, memory, CPU, clock, names, the network,
the other build, the person. Ask the same ten questions about each: the columns of the overview. A mode that cannot
happen needs a reason. A mode that can happen needs an experiment: what clients see, what detects it and how soon, how
it ends. Where two cells have the same answer, the mechanism is probably right; where a cell needs a rule of its own,
look again. A cell that cannot be filled in is the next outage."""

_HEAD = ("mode", "clients see", "detected", "heals by itself", "a person")
_RUNBOOK = re.compile(r"\]\(runbooks/Holdfast(\w+)\.md\)")


def failure_modes() -> str:
    """Return the page."""
    return page(
        "Failure modes",
        _ABOUT,
        "## Overview\n\nEach word is the worst effect that a client notices.",
        _legend(),
        _overview(),
        "## From an alert\n\nThe possible causes of each alert. Read its runbook first.",
        _by_alert(),
        _WHY,
        *(_section(each) for each in TABLE.values()),
    )


def _legend() -> str:
    words = [f"**{effect}**: {effect.meaning}" for effect in Effect]
    return ". ".join([*words, "**–**: the mode cannot happen; the link gives the reason."])


def _overview() -> str:
    rows = [
        (f"[{name}](#{anchor(name)})", *(f"[{_shown(each.cells[mode])}](#{anchor(name, mode)})" for mode in Mode))
        for name, each in TABLE.items()
    ]
    return table(("", *Mode), rows)


def _shown(cell: Cell) -> str:
    word = _word(cell)
    return f"**{word}**" if word in (Effect.REFUSED, Effect.LOSS) else word


def _word(cell: Cell) -> str:
    match cell:
        case Failure():
            return cell.effect
        case SameAs():
            return _word(TABLE[cell.dependency].cells[cell.mode])
        case Impossible():
            return "–"


def _by_alert() -> str:
    found: dict[str, dict[str, list[str]]] = {}
    for name, each in TABLE.items():
        for mode, cell in each.cells.items():
            if isinstance(cell, Failure):
                for alert in dict.fromkeys(_RUNBOOK.findall(cell.detected)):
                    link = f"[{mode}](#{anchor(name, mode)})"
                    found.setdefault(alert, {}).setdefault(name, []).append(link)
    rows = [
        (f"[{alert}](runbooks/Holdfast{alert}.md)", "; ".join(_of(name, modes) for name, modes in parts.items()))
        for alert, parts in sorted(found.items())
    ]
    return table(("alert", "may be"), rows)


def _of(name: str, modes: Iterable[str]) -> str:
    return f"{name}: {', '.join(modes)}"


def _section(one: Dependency) -> str:
    possible = {mode: cell for mode, cell in one.cells.items() if not isinstance(cell, Impossible)}
    parts = [f"## {one.name}", one.about, table(_HEAD, [_row(one.name, mode, cell) for mode, cell in possible.items()])]
    if impossible := _impossible(one):
        parts.append(impossible)
    parts.append("Proof:")
    shown = {mode: _shown_by(one.name, mode, cell) for mode, cell in one.cells.items()}
    parts.append("\n".join(f"- {mode}: {proofs}" for mode, proofs in shown.items() if proofs))
    if one.name == "network":
        rows = [(pair.one, pair.other, pair.effect, _proofs(pair.proofs)) for pair in PAIRS]
        parts.append("The connections:")
        parts.append(table(("from", "to", "when it is cut", "proof"), rows))
    return "\n\n".join(parts)


def _row(name: str, mode: Mode, cell: Cell) -> tuple[str, ...]:
    where = f'<a id="{anchor(name, mode)}"></a>**{mode}**'
    match cell:
        case Failure():
            return (where, cell.clients, cell.detected, cell.heals, cell.person)
        case SameAs():
            other = f"[{cell.dependency} {cell.mode}](#{anchor(cell.dependency, cell.mode)})"
            return (where, f"Same as {other}. {cell.because}", "", "", "")
        case Impossible():
            raise ValueError(f"{name}, {mode}: it cannot happen")


def _impossible(one: Dependency) -> str:
    return "\n".join(
        f'- <a id="{anchor(one.name, mode)}"></a>**{mode}** cannot happen: {cell.because}'
        for mode, cell in one.cells.items()
        if isinstance(cell, Impossible)
    )


def _shown_by(name: str, mode: Mode, cell: Cell) -> str:
    faults = SIMULATED.get(name, {}).get(mode, ())
    simulated = [f"`make simulate` ({', '.join(f'`{fault}`' for fault in faults)})"] if faults else []
    return ", ".join([*([_proofs(cell.proofs)] if cell.proofs else []), *simulated])


def _proofs(proofs: Iterable[str]) -> str:
    return ", ".join(f"`{proof_name(proof)}`" for proof in proofs)


def anchor(name: str, mode: Mode | None = None) -> str:
    """Return the anchor of a section, as Markdown derives it from the title, or of a cell."""
    words = name if mode is None else f"{name} {mode}"
    return re.sub(r"[^a-z0-9_]+", "-", words.lower())


def cells() -> Mapping[str, Cell]:
    """Return every cell by its anchor."""
    return {anchor(name, mode): cell for name, each in TABLE.items() for mode, cell in each.cells.items()}
