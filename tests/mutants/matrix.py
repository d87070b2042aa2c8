"""Matrix: which proof caught which bug. The record is JSON, and the page docs/planted-bugs.md is made from it."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.mutants.planted import SHIPPED, Planted, planted
from tests.mutants.proofs import Found, Kind, Word
from tests.mutants.run import Line, Proof
from tests.mutants.tree import ROOT

PAGE = ROOT / "docs/planted-bugs.md"
RECORD = Path(__file__).with_name("matrix.json")

_NOT_RUN = Found(Word.UNKNOWN, "not run", 0, 0)
#: Name of a bug -> `patch`, and for each kind of proof what the proof found, and at which `commit`.
Record = Mapping[str, Mapping[str, Any]]

_HEAD = """# Planted bugs

A proof that finds nothing proves little, unless it is known to find something. `make verify-mutants` plants bugs, one
at a time, in a copy of the project, and runs the proofs. Each bug is a mistake that a good engineer could make here,
and no bug may pass all proofs. Without a bug the same proofs must pass in the same run, and they must not accuse
correct changes: otherwise the verdict is *unknown* (exit code 2).

```sh
make verify-mutants                  # every bug: the proof that caught it last and, if that passes, the others
make verify-mutants ALL=1            # every proof for each bug, and this page
make verify-mutants ONLY=no-dedupe   # one of them
make verify-mutants QUICK=1          # tests only
```

A bug is a patch in `tests/mutants/bugs`: exact texts of shipped code and their replacements. When the code changes so
that a patch no longer applies, `make test` fails, and the patch has to be renewed. Shipped code has no switch for
bugs. An interrupted run resumes where it stopped, and the page keeps the results of earlier runs.

| proof | what runs |
|---|---|
| tests | the tests that the bug names, and tests of pure code that import the changed code, until the first one fails |
| simulation | {runs} seeds of `make simulate` (`tests/mutants/seeds.txt`), until a promise broke in three of them |
| convergence | a part of `tests/convergence`, for bugs in acceptance, merging and the store (– for others) |
| checker | the short form of `make verify`, on real processes, for two bugs (– if a cheaper proof catches the bug) |

The table has the results of the last runs, at {commits}. For tests, it names the first one that failed; for the
simulation, the promises that broke, by their names in `tests/promises` and the simulation's own names. A zero for the
simulation means that these few seeds do not show the bug: [simulation](simulation.md#what-it-sees-of-planted-bugs)
lists the bugs that are out of its reach.

"""
_TABLE = """| bug | what was believed | what it breaks | tests | simulation | convergence | checker |
|---|---|---|---|---|---|---|
"""
_RIGHT = """
Correct changes, which no proof may accuse:

| change | why it is right | tests | simulation | convergence | checker |
|---|---|---|---|---|---|
"""


def terminal(lines: Sequence[Line]) -> str:
    """Return a line for each bug, and a summary."""
    rows = [f"{line.bug.name:<38} " + "  ".join(f"{kind} {_word(line, kind):<8}" for kind in Kind) for line in lines]
    return "\n".join([*rows, "", _sentence(lines), ""])


def _word(line: Line, kind: Kind) -> str:
    if kind not in line.wanted:
        return "–"
    if kind not in line.found or kind not in line.clean:
        return "?"
    return _cell(line.found[kind].to_json())


def _sentence(lines: Sequence[Line]) -> str:
    bugs = [line for line in lines if not line.bug.harmless]
    caught = f"{sum(bool(line.caught) for line in bugs)} of {len(bugs)} caught"
    return "; ".join([caught, *(f"{what}: {', '.join(names)}" for what, names in _flaws(lines).items() if names)])


def _flaws(lines: Sequence[Line]) -> dict[str, list[str]]:
    complete = [line for line in lines if line.complete]
    clean = [(kind, found) for line in lines for kind, found in line.clean.items()]
    return {
        "NOT CAUGHT": [line.bug.name for line in complete if not line.bug.harmless and not line.caught],
        "fails without a bug": sorted({f"{kind} {found.what}" for kind, found in clean if found.word is Word.CAUGHT}),
        "harmless, and accused": [line.bug.name for line in lines if line.bug.harmless and line.caught],
        "not run to the end": [line.bug.name for line in lines if not line.complete],
    }


def verdict(lines: Sequence[Line]) -> int:
    """Return the exit code: 0 if all bugs are caught, 1 if one is not, 2 if unknown."""
    survived, *doubts = _flaws(lines).values()
    return 1 if survived else 2 if any(doubts) else 0


def write(lines: Sequence[Line]) -> None:
    """Write the record and the page: the results of this run, and the known results of other proofs and bugs."""
    commit, before = _commit(), record() if RECORD.is_file() else {}
    known = {bug.name: before[bug.name] for bug in planted() if bug.name in before}
    for line in lines:
        ran = {kind: line.found[kind] for kind in line.wanted if kind in line.found and kind in line.clean}
        if ran:
            row = known.get(line.bug.name, {})
            same = row if row.get("patch") == line.bug.digest else {}
            cells: dict[str, Any] = {**{kind: _NOT_RUN.to_json() for kind in line.wanted}, **same}
            cells.update({kind: {**found.to_json(), "commit": commit} for kind, found in ran.items()})
            known[line.bug.name] = {**cells, "patch": line.bug.digest}
    RECORD.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    PAGE.write_text(page(known, list(planted())))


def record() -> Record:
    """Return the record as it was last written."""
    known: Record = json.loads(RECORD.read_text())
    return known


def last(bugs: Iterable[Planted]) -> dict[str, Proof]:
    """Return the proof that last caught each bug, if the patch and the test are unchanged: the cheapest of several
    proofs, and of tests the one that failed."""
    known, found = record() if RECORD.is_file() else {}, {}
    for bug in bugs:
        row = known.get(bug.name, {})
        caught = [kind for kind in Kind if row.get(kind, {}).get("word") == Word.CAUGHT]
        tests = (row[Kind.TESTS]["what"],) if caught[:1] == [Kind.TESTS] else ()
        if caught and row["patch"] == bug.digest and all(map(_is_there, tests)):
            found[bug.name] = Proof(caught[0], tests)
    return found


def _is_there(test: str) -> bool:
    """Return whether a file still has this test."""
    file, _, name = test.partition("::")
    return (ROOT / file).is_file() and f"def {name}(" in (ROOT / file).read_text()


def page(known: Record, bugs: Sequence[Planted]) -> str:
    """Return the text of docs/planted-bugs.md."""
    runs = max(row[Kind.SIMULATION]["runs"] for row in known.values() if Kind.SIMULATION in row)
    cells = [row[kind] for row in known.values() for kind in Kind if kind in row]
    commits = ", ".join(f"`{commit}`" for commit in sorted({cell["commit"] for cell in cells if "commit" in cell}))
    there = [bug for bug in bugs if bug.name in known]
    rows = [f"| `{bug.name}` | {bug.believed} | {bug.breaks} | {_cells(known[bug.name])} |\n" for bug in there
            if not bug.harmless]  # fmt: skip
    right = [f"| `{bug.name}` | {bug.believed} | {_cells(known[bug.name])} |\n" for bug in there if bug.harmless]
    return "".join([_HEAD.format(runs=runs, commits=commits), _TABLE, *rows, _RIGHT, *right])


def _cells(row: Mapping[str, Any]) -> str:
    return " | ".join(_shown(row, kind) for kind in Kind)


def _shown(row: Mapping[str, Any], kind: Kind) -> str:
    if kind not in row:
        return "–"
    found = row[kind]
    if found["word"] != Word.CAUGHT:
        return _cell(found)
    what = found["what"] if kind is Kind.SIMULATION else f"`{found['what'].rpartition('::')[2]}`"
    return f"**{_cell(found)}** {what}"


def _cell(found: Mapping[str, Any]) -> str:
    if found["runs"] > 1:
        return f"{found['failed']}/{found['runs']}"
    return {Word.CAUGHT: "caught", Word.HELD: "no"}.get(found["word"], "not run")


def _commit() -> str:
    """Return the last commit that changed shipped code, with a suffix if there are local changes."""
    last, changed = (
        subprocess.run(["git", *words, "--", *SHIPPED], cwd=ROOT, capture_output=True, text=True, check=False).stdout
        for words in (("log", "-1", "--format=%h"), ("status", "--porcelain"))
    )
    return (last.strip() or "unknown") + ("-changed" if changed else "")
