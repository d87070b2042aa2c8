"""Declarations: a mistake is reported in one sentence that names the resource and the field, before anything is
created."""

import sys
import types
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Optional

import pytest

from holdfast.shared.domain.field_types import Boolean, Email, Integer, Moment, Slug, Text
from holdfast.shared.domain.registry import Domain, load
from holdfast.shared.domain.resource import Backfill, DeclarationError, Example, Public, Resource, Unique

_TEXT = Annotated[str, Text(max_chars=10)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Own(Slug):
    """A field type of somebody's own. `schema`: its JSON schema."""

    schema: Any

    @property
    def json_schema(self) -> Any:
        """The schema as given."""
        return self.schema


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnNumber(Integer):
    """A number of somebody's own. `schema`: its JSON schema."""

    schema: Any

    @property
    def json_schema(self) -> Any:
        """The schema as given."""
        return self.schema


def declare(fields: dict[str, Any], bases: tuple[type, ...] = (), **how: Any) -> Any:
    """Return a resource with these fields, or with the body of a class."""
    body = fields if "__annotations__" in fields else {"__annotations__": fields}
    return types.new_class("Thing", (*bases, Resource), {"plural": "things"} | how, lambda made: made.update(body))


def too_long(value: str) -> str:
    """Return a key that is too long."""
    return value * 600


def broken(value: Any) -> str:
    """Raise AttributeError for any value."""
    return str(value.nothing)


def test_every_field_that_is_wrong_is_named_at_once() -> None:
    """The faults of all fields are reported together, a line each."""
    with pytest.raises(DeclarationError) as refused:
        declare({"one": int, "two": _TEXT, "three": str})
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == ["Thing.one", "Thing.three"]


@pytest.mark.parametrize(
    ("fields", "how", "why"),
    [
        ({"note": _TEXT}, {"plural": ""}, "say plural"),
        ({"note": _TEXT}, {"plural": 5}, "Thing: the name 5: only lower-case letters"),
        ({"note": _TEXT}, {"plurals": "x"}, "no plurals"),
        ({"note": _TEXT}, {"removed": "price"}, "a list of names"),
        ({"note": _TEXT}, {"removed": ["note"]}, "note is removed, and declared"),
        ({"note": _TEXT, "price_version": _TEXT}, {"removed": ["price"]}, "price_version would be two columns"),
        ({"created": _TEXT}, {}, "created_version would be two columns"),
        ({"deleted": _TEXT}, {}, "deleted_version would be two columns"),
        ({"class": _TEXT}, {}, r"Thing\.class: .*no Python keyword"),
        ({"type": _TEXT}, {}, r"Thing\.type: the name is taken"),
        ({"n": str}, {}, r"Thing\.n: say what it may hold, .* not str: a value is a str, an int or a bool"),
        ({"n": Decimal}, {}, r"Thing\.n: say what it may hold, .* not Decimal: a value is a str, an int or a bool"),
        ({"n": "Nowhere"}, {}, r"Thing\.n: NameError: name 'Nowhere' is not defined"),
        ({"__annotations__": {}, "n": Annotated[str, Text(max_chars=5)]}, {}, r"Thing\.n: a field is written `n: A"),
        ({"__annotations__": {"m": _TEXT}, "n": Text(max_chars=5)}, {}, r"Thing\.n: a field is written"),
        ({"n": Annotated[int, Text(max_chars=5)]}, {}, r"Thing\.n: Text is of str, .*, not int"),
        ({"n": Annotated[str, Integer()]}, {}, r"Thing\.n: Integer is of int"),
        ({"n": Annotated[int, Boolean()]}, {}, r"Thing\.n: Boolean is of bool"),
        ({"n": Annotated[str, Public()]}, {}, r"Thing\.n: one field type is needed, and 0 are given"),
        ({"n": Annotated[str, Slug(), Email()]}, {}, r"Thing\.n: one field type is needed, and 2 are given"),
        ({"n": Annotated[str, Text]}, {}, r"Thing\.n: Text is written Text\(\)"),
        ({"n": Annotated[str, Slug(), Unique]}, {}, r"Thing\.n: Unique is written Unique\(\)"),
        ({"n": Annotated[str, Slug(), Unique(), Unique()]}, {}, r"Thing\.n: Unique\(\) is given twice"),
        ({"n": Annotated[str, Slug(), "unique"]}, {}, r"Thing\.n: 'unique' says nothing about a field"),
        ({"n": Annotated[str, Text(max_chars="9")]}, {}, r"Thing\.n: max_chars of Text is not a whole number: '9'"),
        ({"n": Annotated[int, Integer(most=1.5)]}, {}, r"Thing\.n: most of Integer is not a whole number"),
        ({"n": Annotated[str, Slug(code=7)]}, {}, r"Thing\.n: code of Slug is not a text"),
        ({"n": Annotated[str, Slug(code="not ok")]}, {}, r"Thing\.n: the error code 'not ok' is not"),
        ({"n": Annotated[int, Integer(most=2**53)]}, {}, r"Thing\.n: its bounds .* between -2\*\*53 and 2\*\*53"),
        ({"_n": Annotated[str, Slug(), Unique()]}, {}, r"Thing\._n: the error code '_N_TAKEN' .* a letter first"),
        ({"n": Annotated[str | None, Slug()]}, {}, r"Thing\.n: an optional field is declared `\| None = None`"),
        *(({"n": Annotated[str, Own(schema=schema)]}, {}, r'Thing\.n: its json_schema must have "type": "string"')
          for schema in ({}, {"enum": ["a"]}, {"type": "number"}, {"type": ["string", "null"]})),
        *(({"n": Annotated[int, OwnNumber(schema={"type": "integer", **bounds})]}, {},
           r'Thing\.n: its bounds \("minimum" and "maximum" of its json_schema\) must be whole numbers')
          for bounds in ({}, {"minimum": 0}, {"minimum": 0, "maximum": 1.5}, {"exclusiveMinimum": 0, "maximum": 9})),
        ({"n": Annotated[int, Integer(least=5, most=4)]}, {}, r"Thing\.n: no value is valid"),
        ({"n": Annotated[str, Text(min_chars=5, max_chars=4)]}, {}, r"Thing\.n: no value is valid"),
        ({"n": Annotated[str, Slug(max_chars=-1)]}, {}, r"Thing\.n: no value is valid"),
        ({"n": Annotated[str, Slug(), Example(7)]}, {}, r"Thing\.n: Example\(7\) is not a value of it, which must be"),
        ({"n": Annotated[str, Moment(), Example("x")]}, {}, r"Thing\.n: Example\('x'\) is not a value"),
        ({"n": Annotated[str, Slug(), Example("a", changed="B")]}, {}, r"Thing\.n: Example\('B'\) is not a value"),
        ({"n": Annotated[str, Slug(), Backfill("A")]}, {}, r"Thing\.n: Backfill\('A'\) is not a value of it"),
        ({"n": Annotated[str, Slug(), Unique(), Backfill("a")]}, {}, r"Thing\.n: Backfill is for a required"),
        ({"n": Annotated[str, Slug(), Unique(key=5)]}, {}, r"Thing\.n: key of Unique is not a function"),
        ({"n": Annotated[str, Slug(), Unique(key=len)]}, {}, r"Thing\.n: key of Unique: .* not a text but int"),
        ({"n": Annotated[str, Slug(), Unique(key=too_long)]}, {}, r"Thing\.n: key of Unique: .* more than 512"),
        ({"n": Annotated[str, Slug(), Unique(key=broken)]}, {}, r"Thing\.n: key of Unique: 'str' object has no"),
        ({"n": Annotated[str, Slug(), Unique(claims="clock")]}, {}, r"Thing\.n: claims='clock' .* with a dot"),
        ({"n": Annotated[str, Slug(), Unique(claims="a.*")]}, {}, r"Thing\.n: claims='a\.\*' "),
        ({"n": Annotated[str, Text(max_chars=600), Unique()]}, {}, r"Thing\.n: a unique text has at most 512"),
        *(({name: Annotated[str, Slug(), Unique()]}, {}, rf"Thing\.{name}: a unique field is a parameter of GET")
          for name in ("request", "limit", "cursor")),
        ({f"n{at}": Annotated[str, Text(max_chars=1000)] for at in range(17)}, {}, "Thing: a row would need 6[0-9],"),
        ({f"n{at}": Annotated[str, Text(max_chars=300_000)] for at in range(4)}, {}, "Thing: its texts may have 1,2"),
        ({f"n{at}": Annotated[bool, Boolean()] for at in range(600)}, {}, "Thing: it has more fields than"),
        ({f"n{at}": Annotated[int, Integer(), Unique()] for at in range(64)}, {}, "Thing: at most 63 fields"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(fields: dict[str, Any], how: dict[str, Any], why: str) -> None:
    """A mistake in a declaration is reported in one sentence, which states where it is and names what is wrong."""
    with pytest.raises(DeclarationError, match=why) as caught:
        declare(fields, **how)
    assert "\n" not in str(caught.value)


def test_fields_of_other_classes_are_its_own_too() -> None:
    """The fields of a class beside it and of the resource that it extends come first in a resource, and constants of a
    class are no fields."""

    class Dated:
        made_at: Annotated[str, Moment(), Public()] | None = None
        SHELVES: ClassVar[int] = 7

    class Book(Dated, Resource, plural="books"):
        mark: Annotated[str, Slug(), Unique()]

    class Atlas(Book, plural="atlases"):
        scale: "Annotated[int, Integer(least=1)]"
        note: Optional[_TEXT] = None  # noqa: UP045 - as people write it too
        size: Annotated[int | None, Integer()] = None

    assert [field.name for field in Book.type.fields] == ["made_at", "mark"]
    assert [(field.name, field.required) for field in Atlas.type.fields] == [
        ("made_at", False), ("mark", True), ("scale", True), ("note", False), ("size", False),
    ]  # fmt: skip
    assert Atlas.type.claim_names == ("atlases.mark",)
    assert Domain([Book.type, Atlas.type]).fingerprint != Domain([Atlas.type, Book.type]).fingerprint


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"a": Annotated[str, Slug(), Unique(code="X")], "b": Annotated[str, Slug(), Unique(code="X")]}, "two unique"),
        ({"a": Annotated[str, Slug(code="A_TAKEN"), Unique()]}, r"Thing\.a: the error code A_TAKEN stands for"),
        ({"a": Annotated[str, Slug(code="THING_EXISTS")]}, r"Thing\.a: the error code THING_EXISTS stands for EXISTS"),
        ({"a": Annotated[str, Slug(), Unique(code="THING_NOT_FOUND")]}, r"Thing\.a: the error code THING_NOT_FOUND"),
        ({"a": Annotated[str, Slug(code="QUEUE_FULL")]}, r"Thing\.a: the error code QUEUE_FULL stands for an error of"),
        ({"a": Annotated[str, Slug(), Unique(code="INVALID_CURSOR")]}, r"Thing\.a: the error code INVALID_CURSOR"),
        ({"condition": Annotated[str, Slug()]}, r"Thing\.condition: .*: give it another one, as in Slug\("),
        ({"a": Annotated[str, Slug(code="X")], "b": Annotated[str, Slug(code="X", message="No")]}, "X stands for"),
    ],
)  # fmt: skip
def test_an_error_code_means_one_thing(fields: dict[str, Any], why: str) -> None:
    """An error code has one meaning within a domain and beside the codes of Holdfast; a second meaning is refused."""
    with pytest.raises(DeclarationError, match=why):
        Domain([declare(fields).type])


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("    n: Annotated[str, Text()]", r"Thing\.n, {file} line 5: TypeError: .*max_chars"),
        ("    n: Annotated[str, Text(max=5)]", r"Thing\.n, {file} line 5: TypeError: .*'max'"),
        ("    n: Annotated[str, Nothing()]", r"Thing\.n, {file} line 5: NameError: .*Nothing"),
        ("    n: Annotated[int, Text(max_chars=5)]", r"Thing\.n: Text is of str"),
        ("    pass", "Thing has no fields"),
        ("    n: Annotated[str, Text(max_chars=5)]\n1 / 0", "{file} line 6: ZeroDivisionError"),
        ("    n: (", "SyntaxError"),
    ],
)
def test_a_module_that_cannot_be_imported_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, why: str
) -> None:
    """The error states where a module cannot be imported, whatever Python itself finds wrong with it."""
    name = f"declared_{abs(hash(source))}"
    head = "from typing import Annotated\nfrom holdfast.shared.domain.field_types import Text\n"
    head += "from holdfast.shared.domain.resource import Resource\nclass Thing(Resource, plural='things'):\n"
    (tmp_path / f"{name}.py").write_text(head + source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DeclarationError, match=why.format(file=f"{name}.py")):
        load(name)
    sys.modules.pop(name, None)


def test_to_a_key_spaces_at_the_end_are_nothing() -> None:
    """Spaces at the end do not change a key, as they do not for the index, so that no write is accepted that the index
    refuses for good."""
    thing = declare({"note": Annotated[str, Text(max_chars=10, lines=True), Unique()]})
    assert thing.type.claims({"note": "a  "}) == thing.type.claims({"note": "a"}) == (("things.note", "a"),)


def test_a_summary_of_several_paragraphs_is_not_indented() -> None:
    """A declaration's docstring is published without the indentation of its code, which Markdown reads as code."""

    class Shelf(Resource, plural="shelves"):
        """A shelf.

        It has a room.
        """

        room: Annotated[str, Slug(), Example("east")]

    assert Shelf.type.summary == "A shelf.\n\nIt has a room."
