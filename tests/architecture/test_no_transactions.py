"""Services use no MULTI at Redis: when Redis is out of memory, it refuses every command in a transaction, including
reads. A script declares what it needs."""

import ast
from pathlib import Path

#: This module passes on the flag that its caller sets.
_PASSES_ON = {"shared/connections/cluster.py"}


def test_every_pipeline_is_without_a_transaction() -> None:
    """Every pipeline is created with `transaction=False`, because redis-py uses a transaction by default."""
    found = {
        str(file)
        for folder in ("services", "shared")
        for file in Path(folder).rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "pipeline"
        if not any(word.arg == "transaction" and _is_false(word.value) for word in call.keywords)
    }
    assert found == _PASSES_ON


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False
