"""Time constants: each relation between two of them is in the table, and only there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from holdfast.shared.runtime import time_budgets

TABLE = Path("shared/runtime/time_budgets.py")
_NAME = re.compile(r"_?[A-Z][A-Z0-9_]*_(S|MS)")
_PER = re.compile(r".*_PER_(S|MS)")


def shipped() -> Iterator[tuple[Path, ast.Module]]:
    """Yield the modules of the services and of shared, except the table."""
    for folder in ("services", "shared"):
        for file in sorted(Path(folder).rglob("*.py")):
            if file != TABLE:
                yield file, ast.parse(file.read_text())


def is_time(name: str) -> bool:
    """Return whether a constant of this name is a duration."""
    return bool(_NAME.fullmatch(name)) and not _PER.fullmatch(name)


def test_a_time_constant_outside_the_table_is_its_modules_own() -> None:
    """A time constant outside the table has a private name, because a constant that another module needs belongs in the
    table."""
    public = [
        f"{file}: {target.id}"
        for file, tree in shipped()
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in ast.walk(statement)
        if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store)
        if is_time(target.id) and not target.id.startswith("_")
    ]
    assert public == [], f"to {TABLE}, or private"


def test_the_table_holds_only_what_has_to_be_there() -> None:
    """Each constant of the table is in a relation, or is used by two modules."""
    constants = {name for name in vars(time_budgets) if is_time(name)}
    related = {part.name for budget in time_budgets.FIXED for part in (budget.outer, *budget.inner)}
    used: dict[str, set[Path]] = {name: set() for name in constants}
    for file, tree in shipped():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == time_budgets.__name__:
                for each in node.names:
                    used.get(each.name, set()).add(file)
    assert related <= constants
    assert {name for name in constants if not used[name]} == set(), "used by no module"
    assert {name for name in constants - related if len(used[name]) < 2} == set(), "in no relation, and used by one"


def test_a_relation_names_the_constants_that_it_compares() -> None:
    """The seconds of each part of a relation are the value of the constant that the part names."""
    for budget in time_budgets.FIXED:
        for part in (budget.outer, *budget.inner):
            assert vars(time_budgets)[part.name] == part.seconds


def test_every_relation_holds() -> None:
    """Every fixed relation holds, by the same check as at the start of a service."""
    time_budgets.check(time_budgets.FIXED)
