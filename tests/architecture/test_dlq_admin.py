"""dlq_admin describes each answer once, and needs nothing of deploy/ at run time."""

import ast
from pathlib import Path
from typing import Any

from tests import apps


def test_every_answer_is_a_named_component(tmp_path: Path) -> None:
    """In the envelope; what is inside the envelope is a component too, a list of one, or null."""
    document = apps.make("dlq_admin", tmp_path).openapi()
    components = document["components"]["schemas"]
    seen = 0
    for path, operations in document["paths"].items():
        for operation in operations.values():
            schema = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema")
            if schema is None or "health" in operation.get("tags", ()):
                continue
            for envelope in schema.get("anyOf", [schema]):
                fields = components[_name(envelope, path)]["properties"]
                data = fields["data"] if "data" in fields else fields["fallback_data"]
                for inner in data.get("anyOf", [data]):
                    assert inner.get("type") == "null" or _name(inner.get("items", inner), path) in components, path
            seen += 1
    assert seen >= 25


def _name(schema: dict[str, Any], path: str) -> str:
    reference = schema.get("$ref", "")
    assert reference, f"{path}: {schema}"
    return str(reference).rpartition("/")[2]


def test_nothing_of_deploy_is_read_at_run_time() -> None:
    """No path in what runs leads there."""
    found = [
        f"{file}:{node.lineno}"
        for folder in ("services", "shared")
        for file in Path(folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value == "deploy" or (node.value.startswith("deploy/") and " " not in node.value)
    ]
    assert found == []
