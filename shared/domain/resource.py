"""Resource: how to declare what is stored. Everything else is derived from the declaration, once, at start.

    class Book(Resource, plural="books"):
        \"\"\"A book that is on a shelf, or was.\"\"\"

        shelfmark: Annotated[str, Slug(), Unique(), Public(), Example("fiction-0042")]
        title: Annotated[str, Text(max_chars=300), Public(), Example("On failing well")]
        summary: Annotated[str, Text(max_chars=20_000, lines=True)]
        lent_at: Annotated[str, Moment(), Public()] | None = None

A field without a default has to be there; one with `| None = None` may be missing, and may be set to null. What is not
`Public` is personal: it is masked wherever somebody looks who is not meant to see it. A tombstone keeps no value.
"""

import types
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter
from pydantic_core import SchemaError

from holdfast.shared.domain.field_type import FieldType
from holdfast.shared.domain.resource_type import Example as Example
from holdfast.shared.domain.resource_type import Field as Field
from holdfast.shared.domain.resource_type import Public as Public
from holdfast.shared.domain.resource_type import ResourceType as ResourceType
from holdfast.shared.domain.resource_type import Unique as Unique

#: A key is part of an index.
KEY_MAX_CHARS = 512
#: Of a resource, singular, plural and of its class; and of a field.
NAME_MAX_CHARS = 40
#: `books.shelfmark`.
CLAIMS_MAX_CHARS = 2 * NAME_MAX_CHARS + 1
_OWN_NAMES = {
    "id",
    "version",
    "created_at",
    "updated_at",
    "created_version",
    "deleted_version",
    "status",
    "operation_id",
    "type",
}


class DeclarationError(TypeError):
    """A resource is declared in a way that nothing can be derived from. The text says where and why."""


class Resource:
    """Base of every declared resource; see the module's documentation."""

    type: ClassVar[ResourceType]

    def __init_subclass__(cls, *, plural: str = "", singular: str = "") -> None:
        """Raises DeclarationError."""
        if not plural:
            raise DeclarationError(f'{cls.__name__}: say plural, as in class Book(Resource, plural="books")')
        singular = singular or cls.__name__.lower()
        for name in (plural, singular, cls.__name__.lower()):
            _check_name(name, f"{cls.__name__}: the name {name!r}")
        hints = get_type_hints(cls, include_extras=True)
        names = [name for name in cls.__annotations__ if name in hints]
        fields = tuple(_field(cls, plural, index, name, hints[name]) for index, name in enumerate(names))
        if not fields:
            raise DeclarationError(f"{cls.__name__} has no fields")
        _check_columns(cls, fields)
        cls.type = ResourceType(
            name=cls.__name__,
            singular=singular,
            plural=plural,
            summary=(cls.__doc__ or f"One of the {plural}.").strip(),
            fields=fields,
        )


def _field(cls: type, plural: str, index: int, name: str, hint: Any) -> Field:
    where = f"{cls.__name__}.{name}"
    _check_name(name, where)
    if name in _OWN_NAMES or name == f"{cls.__name__.lower()}_id":
        raise DeclarationError(f"{where}: the name is taken, every resource has {name}")
    hint, optional = _without_none(hint)
    if get_origin(hint) is not Annotated:
        raise DeclarationError(f"{where}: say what it may hold, as in Annotated[str, Text(max_chars=200)]")
    marks = get_args(hint)[1:]
    for mark in (Unique, Public, Example):
        if mark in marks:
            raise DeclarationError(f"{where}: {mark.__name__} is written {mark.__name__}()")
    field_types = [mark for mark in marks if isinstance(mark, FieldType)]
    if len(field_types) != 1:
        raise DeclarationError(f"{where}: one field type is needed, and {len(field_types)} are given")
    if getattr(cls, name, ...) is not (None if optional else ...):
        raise DeclarationError(f"{where}: a field that may be missing is declared `| None = None`")
    field_type = field_types[0]
    _check_bounds(where, field_type)
    title = name.replace("_", " ").capitalize()
    return Field(
        name=name,
        index=index,
        type=field_type,
        required=not optional,
        public=any(isinstance(mark, Public) for mark in marks),
        unique=_unique(where, plural, name, field_type, _mark(marks, Unique)),
        example=_mark(marks, Example),
        code=field_type.code or f"INVALID_{name.upper()}",
        message=field_type.message or f"{title} is invalid",
    )


def _check_bounds(where: str, field_type: FieldType) -> None:
    """There is a value that may be, and none that JSON and the database do not have."""
    schema = field_type.json_schema
    if field_type.column.kind == "integer" and max(-schema["minimum"], schema["maximum"]) >= 2**53:
        raise DeclarationError(f"{where}: whole numbers are exact in JSON below 2**53 only")
    try:
        TypeAdapter(field_type.wire).validate_python(field_type.unlikely("1" * 32))
    except (ValueError, ArithmeticError, SchemaError):
        raise DeclarationError(f"{where}: there is no value that fits, it {field_type.constraint}") from None


def _unique(where: str, plural: str, name: str, field_type: FieldType, unique: Unique | None) -> Unique | None:
    if unique is None:
        return None
    if field_type.column.kind == "text" and field_type.column.size > KEY_MAX_CHARS:
        raise DeclarationError(f"{where}: a unique text has at most {KEY_MAX_CHARS} characters")
    if len(unique.claims) > CLAIMS_MAX_CHARS or not unique.claims.isascii():
        raise DeclarationError(f"{where}: the name of the claims is ASCII, of at most {CLAIMS_MAX_CHARS} characters")
    return Unique(
        key=lambda value: unique.key(value).rstrip(" "),  # to an index "a" and "a " are one value
        code=unique.code or f"{name.upper()}_TAKEN",
        message=unique.message or f"Another one of the {plural} has this {name.replace('_', ' ')}.",
        claims=unique.claims or f"{plural}.{name}",
    )


def _mark(marks: Iterable[Any], of: type) -> Any:
    return next((mark for mark in marks if isinstance(mark, of)), None)


def _without_none(hint: Any) -> tuple[Any, bool]:
    """(the type, whether it may be None); None may stand inside Annotated or around it."""
    if get_origin(hint) in (Union, types.UnionType):
        rest = [each for each in get_args(hint) if each is not type(None)]
        return (rest[0], True) if len(rest) == 1 and len(rest) < len(get_args(hint)) else (hint, False)
    return hint, False


def _check_columns(cls: type, fields: Iterable[Field]) -> None:
    """A value, its version and its key are columns of one table, and so is when it was created and deleted."""
    names = [name for field in fields for name in (field.name, f"{field.name}_version", f"{field.name}_key")]
    names += ["created_version", "deleted_version"]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DeclarationError(f"{cls.__name__}: {', '.join(twice)} would be two columns")


def _check_name(name: str, where: str) -> None:
    if not (name.isidentifier() and name.isascii() and name.islower() and len(name) <= NAME_MAX_CHARS):
        raise DeclarationError(f"{where}: lower-case letters, digits and _, at most {NAME_MAX_CHARS}")
