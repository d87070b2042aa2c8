"""Neighbours: the tests of pure code that import a module which a bug changes."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path


def neighbours(root: Path, files: Iterable[str]) -> list[str]:
    """Return the files of tests/unit that import one of `files` directly."""
    wanted = {"holdfast." + file.removesuffix(".py").replace("/", ".") for file in files if file.endswith(".py")}
    return sorted(test for test, imported in _imports(root) if wanted & imported)


@cache
def _imports(root: Path) -> list[tuple[str, frozenset[str]]]:
    return [
        (str(file.relative_to(root)), frozenset(_of(ast.parse(file.read_text()))))
        for file in sorted((root / "tests/unit").glob("test_*.py"))
    ]


def _of(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
