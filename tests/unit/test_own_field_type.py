"""The field type that docs/your-own-resource.md shows, and the names that a declaration cannot use."""

import subprocess
import sys
from typing import Annotated, Any

import pytest

from holdfast.shared.domain import field_types, resource
from holdfast.shared.domain.resource import Public, Resource
from tests.conftest import ROOT
from tests.readme.documents import blocks


def _one_of() -> Any:
    [source] = blocks((ROOT / "docs" / "your-own-resource.md").read_text(), "python")
    made: dict[str, Any] = {"__name__": "catalogue"}
    exec(compile(source, "catalogue.py", "exec"), made)  # noqa: S102 - the page's own example
    return made["OneOf"]


def test_the_field_type_of_the_page_can_be_declared() -> None:
    """The field type of the documentation can be declared outside `shared`. It cleans, refuses and describes values,
    and its column is as long as its longest word."""
    kind = _one_of()(words=("on_shelf", "lent", "lost"))
    books = type("Book", (Resource,), {"__annotations__": {"state": Annotated[str, kind, Public()]}}, plural="books")
    field = books.type.by_name["state"]  # type: ignore[attr-defined]  # of every resource
    assert (field.clean(" Lent "), field.code, field.type.python) == ("lent", "INVALID_STATE", str)
    with pytest.raises(ValueError, match="not one of the words"):
        field.clean("lend")
    assert kind.json_schema == {"type": "string", "enum": ["on_shelf", "lent", "lost"]}
    assert kind.column.size == len("on_shelf")


def test_the_class_of_the_readme_can_be_declared() -> None:
    """The class that the README shows is a valid declaration."""
    [source] = blocks((ROOT / "README.md").read_text(), "python")
    made: dict[str, Any] = {"__name__": "catalogue", "Annotated": Annotated, **vars(field_types), **vars(resource)}
    exec(compile(source, "catalogue.py", "exec"), made)  # noqa: S102 - the page's own example
    assert made["Book"].type.names == ("shelfmark", "title", "lent_at")


def test_the_names_that_are_taken_are_listed() -> None:
    """The command lists the names that are taken, by kind, from what a declaration is checked against."""
    command = [sys.executable, "-m", "holdfast.shared.domain", "names"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "a field", "a field that is Unique()", "a resource, singular or plural", "a resource's class",
    ]  # fmt: skip
    assert " status," in lines[0]
    assert " operations," in lines[2]
