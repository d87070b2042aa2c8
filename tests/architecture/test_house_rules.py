"""House rules that no linter has: sizes, formatting by hand, names that refer to other names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from holdfast.shared import errors
from holdfast.shared.errors import catalogue
from holdfast.shared.telemetry import metrics

SHIPPED = ("services", "shared", "deploy", "clients")

#: Maximum lines of a module, of a test module, and of a function without the functions inside it.
MODULE_MAX, TEST_MODULE_MAX, FUNCTION_MAX = 290, 510, 64

#: Modules that may be longer, because each is one table whose rows are read one by one.
TABLES = {
    "shared/errors.py": "the catalogue of errors",
    "shared/telemetry/metrics.py": "the catalogue of metrics",
    "deploy/dashboards/dependencies.py": "the panels of one dashboard",
    "deploy/dashboards/failure_recovery.py": "the panels of one dashboard",
    "deploy/dashboards/pipeline.py": "the panels of one dashboard",
}


def sources(*folders: str) -> Iterator[tuple[Path, str]]:
    """Yield every module below these folders, and its text."""
    for folder in folders:
        for file in sorted(Path(folder).rglob("*.py")):
            yield file, file.read_text()


def test_a_module_is_short() -> None:
    """No module is longer than its limit, except for the tables, each with its reason; a table that is short enough
    needs no exception."""
    lengths = {str(file): text.count("\n") for file, text in sources(*SHIPPED)}
    tests = {str(file): text.count("\n") for file, text in sources("tests")}
    assert [name for name, lines in lengths.items() if lines > MODULE_MAX and name not in TABLES] == []
    assert [name for name, lines in tests.items() if lines > TEST_MODULE_MAX] == []
    assert [name for name in TABLES if lengths[name] <= 250] == [], "is short enough without an exception"


def test_a_function_fits_on_a_screen() -> None:
    """No function is longer than a screen; functions inside it, such as the handlers of routes, are counted by
    themselves."""
    long = {
        f"{file}: {name}": lines
        for file, text in sources(*SHIPPED, "tests")
        if text.count("\n") > FUNCTION_MAX
        for name, lines in _own_lines(ast.parse(text))
        if lines > FUNCTION_MAX
    }
    assert long == {}


def _own_lines(module: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the name of each function, and its number of lines without those of functions inside it."""
    found = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lines = [range(node.lineno, (node.end_lineno or node.lineno) + 1) for node in found]
    for function, mine in zip(found, lines, strict=True):
        inside = {line for other in lines if other is not mine and other.start in mine for line in other}
        yield function.name, len(mine) - len(inside)


def test_only_tables_are_formatted_by_hand() -> None:
    """Only a table, which is a constant of a module or a class, is formatted by hand."""
    by_hand = {}
    for file, text in sources(*SHIPPED):
        lines = {number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# fmt: skip")}
        if lines and (others := lines - _ends_of_tables(ast.parse(text))):
            by_hand[str(file)] = others
    assert by_hand == {}


def _ends_of_tables(module: ast.Module) -> set[int]:
    bodies = [module.body, *(each.body for each in module.body if isinstance(each, ast.ClassDef))]
    return {
        statement.end_lineno
        for body in bodies
        for statement in body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.end_lineno
    }


def written(words: set[str], folders: tuple[str, ...], declared_in: str) -> dict[str, str]:
    """Return the places where the code has one of these words as a string that is no docstring."""
    anyone = re.compile("|".join(map(re.escape, words)))
    return {where: text for where, text in _texts(anyone, folders, declared_in) if text in words}


def _texts(anyone: re.Pattern[str], folders: tuple[str, ...], declared_in: str) -> Iterator[tuple[str, str]]:
    for file, text in sources(*folders):
        if str(file) == declared_in or not anyone.search(text):
            continue
        module = ast.parse(text)
        documents = {
            id(node.body[0].value)
            for node in ast.walk(module)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if node.body and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
                yield f"{file}:{node.lineno}", node.value


def test_no_test_sends_the_log_elsewhere() -> None:
    """No test calls `logs.configure`, which is for a process and would hold for every later test of the same worker."""
    tests = [(file, text) for file, text in sources("tests") if file.name.startswith(("test_", "conftest"))]
    assert [str(file) for file, text in tests if re.search(r"\blogs\.configure\(", text)] == []


def test_an_error_code_is_written_where_it_is_declared() -> None:
    """Only the catalogue contains error codes; other code uses the class, so that the type checker finds a renamed or
    removed error."""
    codes = {error.code for error in catalogue()}
    assert written(codes, ("services", "shared"), _path(errors)) == {}


def test_a_metrics_name_is_written_where_it_is_declared() -> None:
    """Only the catalogue contains metric names; other code that runs uses the object. PromQL in deploy/ is checked by
    its own lint."""
    declared = [each for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)]
    names = {family.name for metric in declared for family in metric.describe()}
    assert len(names) > 50
    assert written(names, ("services", "shared"), _path(metrics)) == {}


def _path(module: object) -> str:
    file = Path(str(vars(module)["__file__"])).resolve()
    return str(file.relative_to(Path.cwd()))


def test_settings_are_read_in_one_way() -> None:
    """Settings are read by `read_settings` only, which reports what is wrong; the local stack's settings are exempt."""
    by_hand = re.compile(r"(?<!\bStack)Settings\(\)")
    assert [str(file) for file, text in sources("services", "shared", "deploy") if by_hand.search(text)] == []
