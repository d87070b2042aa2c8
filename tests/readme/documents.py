"""The documents, parsed: code blocks, commands, links."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.conftest import ROOT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_MAKE = re.compile(r"\bmake ([a-z][a-z0-9-]+)")
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"`((?:services|shared|deploy|tests|docs|requirements|holdfast)/[^\s`:<]*)")
_NODE = re.compile(r"`(tests/[^\s`]+::[^\s`]+)`")
_FUNCTION = re.compile(r"^(?:async )?def (\w+)", re.MULTILINE)
_CHOICE = re.compile(r"\{([^{}]*)\}")
_INDENTED = re.compile(r"^ {4}(make .*)$", re.MULTILINE)


def documents() -> list[Path]:
    """Return every Markdown page for readers."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return [body for of, body in _BLOCK.findall(text) if of == language]


def commands(block: str) -> Iterator[str]:
    """Yield the commands of a shell block, with continued lines joined and comments removed."""
    for line in block.replace("\\\n", " ").splitlines():
        command = re.sub(r"\s+#\s.*$", "", line).strip()
        if command and not command.startswith("#"):
            yield command


def make_targets_named(text: str) -> set[str]:
    """Return the targets of `make` that a page names in code of any kind."""
    code = [*_CODE.findall(text), *blocks(text, "sh"), *_INDENTED.findall(text)]
    return {target for piece in code for target in _MAKE.findall(piece)}


def links(text: str) -> set[str]:
    """Return the links to files of the repository, without their anchors."""
    found = {link.partition("#")[0] for link in _LINK.findall(text)}
    return {link for link in found if link and not link.startswith(("http:", "https:", "mailto:"))}


def paths_named(text: str) -> set[str]:
    """Return the files and folders of the repository that a page names in code. `a/{b,c}.py` names two, `*` any
    number."""
    return {path for named in _PATH.findall(text) for path in _choices(named)}


def nodes_named(text: str) -> set[str]:
    """Return the tests that a page names in code, as `tests/x.py::test_y[case]`."""
    return set(_NODE.findall(text))


def is_test(node: str) -> bool:
    """Return whether the test exists, and its file has the words of its case."""
    path, _, name = node.partition("::")
    function, _, case = name.partition("[")
    text, functions = _module(path)
    return function in functions and all(re.search(rf"\b{part}\b", text) for part in case.rstrip("]").split("-"))


@cache
def _module(path: str) -> tuple[str, set[str]]:
    """Return the text and the functions of a file; both are empty if it does not exist."""
    text = (ROOT / path).read_text() if (ROOT / path).is_file() else ""
    return text, set(_FUNCTION.findall(text))


def _choices(path: str) -> list[str]:
    found = _CHOICE.search(path)
    if found is None:
        return [path]
    return [
        each
        for choice in found[1].split(",")
        for each in _choices(path[: found.start()] + choice + path[found.end() :])
    ]
