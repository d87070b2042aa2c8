"""Every planted bug still applies and is in the matrix, and the command finds one."""

import subprocess
import sys
from pathlib import Path

import lupa
import pytest

from tests.mutants import matrix
from tests.mutants.planted import SHIPPED, Change, DoesNotApply, Planted, planted
from tests.mutants.proofs import Kind, Word
from tests.mutants.tree import ROOT

_DEADLINE_S = 300
BUGS = list(planted())


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_it_applies(bug: Planted) -> None:
    """Each bug applies to shipped code only, changes it without undefined names, and describes itself."""
    assert bug.believed.endswith(".")
    assert bug.breaks.endswith(".")
    for test in bug.tests:
        assert (ROOT / test.partition("::")[0]).is_file()
    for file, text in bug.patched(ROOT).items():
        assert file.startswith(SHIPPED)
        assert text != (ROOT / file).read_text()
        if file.endswith(".py"):
            assert _undefined(text) == ""
        elif file.endswith(".lua"):
            lupa.LuaRuntime().compile("--" + text)  # the first line is Redis' own


def _undefined(text: str) -> str:
    """Return the names that the code uses and does not define: such a bug raises an exception, which an `except` clause
    may hide."""
    command = [str(Path(sys.executable).with_name("ruff")), "check", "--isolated", "--quiet", "--select", "E9,F82", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=_DEADLINE_S, check=False).stdout


def test_what_does_not_apply_is_loud(tmp_path: Path) -> None:
    """A change whose old text is missing or is there twice raises an error."""
    (tmp_path / "code").write_text("one two two")
    for old in ("three", "two"):
        with pytest.raises(DoesNotApply):
            Planted("some", "", "", (), (Change("code", old, ""),)).patched(tmp_path)


def test_the_matrix_is_of_these_bugs() -> None:
    """Each bug was run in its current form, a reproducible check caught it, and the page matches the record."""
    known = matrix.record()
    assert {name: row["patch"] for name, row in known.items()} == {bug.name: bug.digest for bug in BUGS}
    assert matrix.PAGE.read_text() == matrix.page(known, BUGS)
    for bug in BUGS:
        found = [known[bug.name][kind]["word"] for kind in Kind if kind in known[bug.name]]
        assert (Word.CAUGHT in found) != bug.harmless
    assert set(matrix.last(BUGS)) == {bug.name for bug in BUGS if not bug.harmless}


def test_a_bug_is_found_and_a_harmless_change_is_not(tmp_path: Path) -> None:
    """The command catches a bug and does not report a harmless change, each in a copy of the project."""
    command = [sys.executable, "-m", "tests.mutants", "--proofs", "tests", "--results", str(tmp_path / "results")]
    done = subprocess.run(
        [*command, "--only", "older-field-wins", "harmless-smaller-pages"],
        cwd=ROOT, capture_output=True, text=True, timeout=_DEADLINE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 caught" in done.stdout
