"""State diagrams of the documents, parsed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from holdfast.services.api.openapi import operation
from tests.readme.documents import blocks, documents

_NAMED = re.compile(r"^\s*%% states: (.+)$", re.MULTILINE)
_ARROW = re.compile(r"^\s*(\S+) --> ([^:\s]+)", re.MULTILINE)
#: The begin or the end of a diagram.
_EDGE = "[*]"


@dataclass(frozen=True)
class Diagram:
    """A state diagram. `states_are`: the text of its `%% states:` line, or an empty string."""

    page: Path
    states_are: str
    arrows: frozenset[tuple[str, str]]

    @property
    def states(self) -> set[str]:
        """Every state at either end of an arrow."""
        return {end for arrow in self.arrows for end in arrow} - {_EDGE}


def diagrams() -> Iterator[Diagram]:
    """Yield every state diagram of every page."""
    for page in documents():
        for block in blocks(page.read_text(), "mermaid"):
            if block.startswith("stateDiagram"):
                yield diagram(page, block)


def diagram(page: Path, block: str) -> Diagram:
    """Parse one block."""
    named = _NAMED.search(block)
    return Diagram(page, named[1] if named else "", frozenset(_ARROW.findall(block)))


def declared(states_are: str) -> set[str]:
    """Return the states that the code has: an enumeration by its dotted name, or the `status` in the OpenAPI
    document."""
    if "OpenAPI" in states_are:
        return set(_enum_of("status", operation()))
    module, _, name = states_are.rpartition(".")
    return {state.value for state in getattr(import_module(module), name)}


def _enum_of(field: str, node: Any) -> list[str]:
    """Return the values that a JSON schema somewhere in `node` allows for `field`."""
    if isinstance(node, dict):
        if isinstance(node.get(field), dict) and "enum" in node[field]:
            return list(node[field]["enum"])
        node = list(node.values())
    return next((found for each in node if (found := _enum_of(field, each))), []) if isinstance(node, list) else []
