"""No page names a target or a file that does not exist."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.readme.documents import documents, is_test, links, make_targets_named, nodes_named, paths_named

#: The Makefile also names the files that its targets write.
MAKEFILE = (ROOT / "Makefile").read_text()
#: Words that stand for `reported`, `received`, `action`, `forever` and the like.
_RIDDLES = re.compile(r"\b(?:told|said|heard|deeds?|for ever|nobody's)\b", re.IGNORECASE)
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.MULTILINE))


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_what_is_there(page: Path) -> None:
    """A page's links lead to files, its `make` commands to targets, and its code names files, folders and tests that
    exist."""
    text = page.read_text()
    missing = [link for link in links(text) if not (page.parent / link).exists()]
    assert not missing
    assert make_targets_named(text) <= TARGETS
    assert [path for path in paths_named(text) if not (list(ROOT.glob(path)) or path in MAKEFILE)] == []
    assert [node for node in nodes_named(text) if not is_test(node)] == []


def test_every_promise_names_a_proof_that_is_there() -> None:
    """The last column of each promise names a test, a folder of tests or a target; that it exists is checked above."""
    text = (ROOT / "docs" / "promises.md").read_text()
    rows = re.findall(r"^\| \d+ \|.*\| ([^|]+) \|$", text, re.MULTILINE)
    assert len(rows) == len(re.findall(r"^\| \d+ \|", text, re.MULTILINE)) >= 6
    for proof in rows:
        assert nodes_named(proof) or make_targets_named(proof) or paths_named(proof), proof


def test_a_wrong_name_would_be_found() -> None:
    """The checks find targets, files and tests that do not exist."""
    assert make_targets_named("run `make no-such-target`, or\n\n    make neither\n") == {"no-such-target", "neither"}
    assert paths_named("`shared/{a,b}.py` and `tests/x.py::test_y`") == {"shared/a.py", "shared/b.py", "tests/x.py"}
    assert [node for node in ("tests/readme/test_documents.py::test_no", "tests/no.py::test_no") if is_test(node)] == []
    assert links("[a](docs/b.md#c) [d](https://e) [f](#g)") == {"docs/b.md"}


def test_every_target_is_explained() -> None:
    """`make help` explains every target that a person may call, in one line."""
    explained = set(re.findall(r"^([a-z][a-z0-9-]*):.*## \S", MAKEFILE, re.MULTILINE))
    assert TARGETS - explained <= {"venv-bench", "venv-dev", "venv-docs", "venv-local"}


def test_the_index_of_decisions_has_every_title() -> None:
    """The index of decisions has one row for each, in order, with the page's own title."""
    folder = ROOT / "docs" / "adr"
    pages = {page.name: page.read_text().partition("\n")[0] for page in sorted(folder.glob("[0-9]*.md"))}
    indexed = re.findall(r"^\| \[(\d+)\]\(([^)]+)\) \| (.+) \|$", (folder / "README.md").read_text(), re.MULTILINE)
    assert {name: f"# {number}: {title}" for number, name, title in indexed} == pages
    assert [name for _, name, _ in indexed] == list(pages)


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_in_plain_words(page: Path) -> None:
    """A page that is written by hand contains none of these words; names in code and generated pages are exempt."""
    if page.parent.name not in ("reference", "benchmarks"):
        assert _RIDDLES.findall(re.sub(r"`[^`\n]*`", "", page.read_text())) == []
