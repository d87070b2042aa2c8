"""dlq_admin imports and reads nothing of deploy/ at run time."""

import ast
from pathlib import Path


def test_nothing_of_deploy_is_read_at_run_time() -> None:
    """No string constant in services and shared is a path into deploy/."""
    found = [
        f"{file}:{node.lineno}"
        for folder in ("services", "shared")
        for file in Path(folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value == "deploy" or (node.value.startswith("deploy/") and " " not in node.value)
    ]
    assert found == []
