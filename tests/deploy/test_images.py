"""An image has every package that its service imports: each image's requirements are compared with the imports."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import ROOT

#: Image -> the folder whose modules it runs.
FOLDERS = {
    "api": "holdfast/services/api",
    "writer": "holdfast/services/writer",
    "external_proxy": "holdfast/services/external_proxy",
    "dlq_admin": "holdfast/services/dlq_admin",
    "migrate": "deploy/migrations",
}
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def imported(folder: str) -> set[str]:
    """Return every third-party package that is imported, directly or indirectly, when the folder's modules are."""
    seen: set[str] = set()
    foreign: set[str] = set()
    files = sorted((ROOT / folder).rglob("*.py"))
    waiting = [str(file.relative_to(ROOT).with_suffix("")).replace("/", ".") for file in files]
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if name in seen:
            continue
        seen.add(name)
        if path is None:
            top = name.partition(".")[0]
            if top not in ("holdfast", "deploy") and top not in sys.stdlib_module_names:
                foreign.add(top)
            continue
        parents = name.split(".")
        waiting += [".".join(parents[:depth]) for depth in range(1, len(parents))]
        waiting += _at_import(ast.parse(path.read_text()))
    return foreign


def _path(module: str) -> Path | None:
    base = ROOT / module.replace(".", "/")
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.exists()), None)


def _at_import(tree: ast.AST) -> Iterator[str]:
    """Yield what is imported at module level: not what functions import, nor what only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import():
                yield from (each.name for each in node.names)
            case ast.ImportFrom(module=str(module)):
                yield module
                yield from (f"{module}.{each.name}" for each in node.names if _path(f"{module}.{each.name}"))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                pass
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                pass
            case _:
                yield from _at_import(node)


@pytest.mark.parametrize("image", FOLDERS)
def test_an_image_has_what_its_service_imports(image: str) -> None:
    """An image pins every package that its service imports. Otherwise the service would end at its start in the image
    alone, because every package is installed here."""
    pinned = {_normal(name) for name in _PINNED.findall((ROOT / f"requirements/{image}.txt").read_text())}
    packages = imported(FOLDERS[image])
    assert len(packages) > 2
    distributions = _distributions()
    lacking = {
        package
        for package in packages
        if not {_normal(name) for name in distributions.get(package, [package])} & pinned
    }
    assert lacking == set()


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Return the distributions of each installed package; cached, because that takes a second."""
    return packages_distributions()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
