"""Declared field: checks one annotation of a resource's class, and converts it to a Field."""

import dataclasses
import re
import types
from collections.abc import Iterable
from keyword import iskeyword
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from holdfast.shared.domain import ADDRESSES
from holdfast.shared.domain.field_type import EXACT_BELOW, FieldType, Key
from holdfast.shared.domain.resource_type import Backfill, Example, Field, Public, Unique
from holdfast.shared.domain.table_size import KEY_MAX_CHARS

#: The maximum length of the names of a resource (singular, plural, class) and of a field.
NAME_MAX_CHARS = 40
#: The maximum length of a name of claims, such as `books.shelfmark`.
CLAIMS_MAX_CHARS = 2 * NAME_MAX_CHARS + 1
#: The parameters of the handler of a page of entities. A unique field is a parameter beside them, under its own name.
PAGE_PARAMETERS = ("request", "limit", "cursor")
#: The fields that every resource and operation has.
OWN_NAMES = {
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
_CLAIMS = re.compile(rf"(?=.{{3,{CLAIMS_MAX_CHARS}}}\Z)[a-z0-9_]+(\.[a-z0-9_]+)+")
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,59}")
_MARKS = (FieldType, Unique, Public, Example, Backfill)

_T = TypeVar("_T")


class DeclarationError(TypeError):
    """A resource's declaration is invalid. The text says where and why."""


def declared_field(cls: type, plural: str, index: int, name: str, hint: Any, default: Any) -> Field:
    """Return the field that an annotation of `cls` declares. `default`: `...` if there is none. Raises
    DeclarationError."""
    where = f"{cls.__name__}.{name}"
    check_name(name, where)
    if name in OWN_NAMES or name == f"{cls.__name__.lower()}_id":
        raise DeclarationError(f"{where}: the name is taken, every resource has {name}")
    try:
        return _field(cls, plural, index, name, hint, default)
    except DeclarationError as error:
        raise DeclarationError(f"{where}: {error}") from None
    except Exception as error:  # a user's own field type or key may raise anything
        raise DeclarationError(f"{where}: {type(error).__name__}: {error}") from error


def check_name(name: Any, where: str) -> None:
    """Raise DeclarationError if the name cannot be used."""
    fits = isinstance(name, str) and name.isidentifier() and name.isascii() and name.islower() and not iskeyword(name)
    if not fits or len(name) > NAME_MAX_CHARS:
        raise DeclarationError(
            f"{where}: only lower-case letters, digits and _, at most {NAME_MAX_CHARS}, and no Python keyword"
        )


def is_declared(value: Any) -> bool:
    """Return whether the value can only be meant as a field's type or one of its marks."""
    return get_origin(value) is Annotated or isinstance(value, _MARKS)


def _field(cls: type, plural: str, index: int, name: str, hint: Any, default: Any) -> Field:
    hint, optional = _without_none(hint)
    if get_origin(hint) is not Annotated:
        raise DeclarationError(
            f"say what it may hold, as in Annotated[str, Text(max_chars=200)], not {_called(hint)}: a value is a str,"
            " an int or a bool"
        )
    python, *marks = get_args(hint)
    python, inside = _without_none(python)
    optional = optional or inside
    field_type = _field_type(python, marks)
    if default is not (None if optional else ...):
        raise DeclarationError("an optional field is declared `| None = None`, and no other field may have a default")
    unique = _mark(marks, Unique)
    if unique is not None and name in PAGE_PARAMETERS:
        raise DeclarationError(f"a unique field is a parameter of GET /{plural}, and {name} means something else there")
    field = Field(
        name=name,
        index=index,
        type=field_type,
        required=not optional,
        public=any(isinstance(mark, Public) for mark in marks),
        unique=_unique(plural, name, field_type, unique) if unique else None,
        example=_mark(marks, Example),
        backfill=_mark(marks, Backfill),
        code=field_type.code or f"INVALID_{name.upper()}",
        message=field_type.message or f"{name.replace('_', ' ').capitalize()} is invalid",
    )
    _check_values(field)
    for code in (field.code, field.unique.code if field.unique else field.code):
        if not _CODE.fullmatch(code):
            raise DeclarationError(
                f"the error code {code!r} is not upper-case letters, digits and _, a letter first, at most 60"
            )
    return field


def _field_type(python: Any, marks: Iterable[Any]) -> FieldType:
    """Return the field type among `marks`. Raises DeclarationError unless all marks are used correctly."""
    for mark in marks:
        if isinstance(mark, type) and issubclass(mark, _MARKS):
            raise DeclarationError(f"{mark.__name__} is written {mark.__name__}()")
        if not isinstance(mark, _MARKS):
            raise DeclarationError(f"{mark!r} says nothing about a field")
        _check_arguments(mark)
    kinds = [FieldType if isinstance(mark, FieldType) else type(mark) for mark in marks]
    if kinds.count(FieldType) != 1:
        raise DeclarationError(f"one field type is needed, and {kinds.count(FieldType)} are given")
    if twice := [kind.__name__ for kind in kinds if kinds.count(kind) > 1]:
        raise DeclarationError(f"{twice[0]}() is given twice")
    field_type: FieldType = next(mark for mark in marks if isinstance(mark, FieldType))
    if python is not field_type.python:
        wanted = field_type.python.__name__
        raise DeclarationError(
            f"{type(field_type).__name__} is of {wanted}, as in Annotated[{wanted}, ...], not {_called(python)}"
        )
    return field_type


def _called(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else repr(hint)


def _check_arguments(mark: Any) -> None:
    """Check that the arguments of a mark have the declared types, because later code relies on them."""
    for each in dataclasses.fields(mark) if dataclasses.is_dataclass(mark) else ():
        value = getattr(mark, each.name)
        if each.type in (int, str, bool) and type(value) is not each.type:
            raise DeclarationError(f"{each.name} of {type(mark).__name__} is not {_A[each.type]}: {value!r}")
    if isinstance(mark, Unique) and not callable(mark.key):
        raise DeclarationError(f"key of Unique is not a function: {mark.key!r}")


_JSON_TYPES: dict[type, str] = {str: "string", int: "integer", bool: "boolean"}
_A: dict[Any, str] = {int: "a whole number", str: "a text", bool: "true or false"}


def _check_values(field: Field) -> None:
    """Check that the field has at least one valid value, that its column and JSON can represent it, and that the
    declared example and backfill are valid values."""
    _check_type(field.type)
    value = field.type.unlikely("1" * 32)
    try:
        if field.unique:
            field.unique.key(value)
    except Exception as error:
        raise DeclarationError(f"key of Unique: {error}, for the value {value!r}") from error
    example, backfill = field.example, field.backfill
    values = [value for value in (example.value, example.changed) if value is not None] if example else []
    if backfill is not None and (not field.required or field.unique):
        raise DeclarationError(
            "Backfill is for a required field that is not unique: declare it `| None = None` instead"
        )
    for mark, hint, value in [(Example, field.typed, v) for v in values] + (
        [(Backfill, field.wire, backfill.value)] if backfill else []
    ):
        try:
            TypeAdapter(hint).validate_python(value)
        except ValidationError:
            rule = field.type.constraint
            raise DeclarationError(f"{mark.__name__}({value!r}) is not a value of it, which {rule}") from None


def _check_type(kind: FieldType) -> None:
    """Check that the type has at least one valid value, and that its column and JSON can represent it."""
    schema, held = dict(kind.json_schema), kind.column.python
    if held is not kind.python:
        raise DeclarationError(
            f"its values are {kind.python.__name__}, and its column holds {held.__name__}: a field type's values are"
            " str, int or bool, and its column is of that kind"
        )
    if schema.get("type") != (wanted := _JSON_TYPES[held]):
        raise DeclarationError(f'its json_schema must have "type": "{wanted}", as its values are {held.__name__}')
    if held is int:
        bounds = schema.get("minimum"), schema.get("maximum")
        if not all(type(bound) is int and -EXACT_BELOW < bound < EXACT_BELOW for bound in bounds):
            raise DeclarationError(
                'its bounds ("minimum" and "maximum" of its json_schema) must be whole numbers between -2**53 and'
                " 2**53, as others are not exact in JSON"
            )
    if type(kind.empty) is not kind.python:
        raise DeclarationError(f"what it holds where there is no value is of another type: {kind.empty!r}")
    try:
        value = kind.unlikely("1" * 32)
        fits = kind.clean(value) == value
    except (ValueError, ArithmeticError):
        fits = False
    if not fits:
        raise DeclarationError(f"no value is valid: it {kind.constraint}")
    try:
        kind.column.check(value)
    except ValueError as error:
        raise DeclarationError(f"its column does not hold {value!r}, which {error}") from None


def _unique(plural: str, name: str, field_type: FieldType, unique: Unique) -> Unique:
    if field_type.column.kind == "text" and field_type.column.size > KEY_MAX_CHARS:
        raise DeclarationError(f"a unique text has at most {KEY_MAX_CHARS} characters")
    claims = unique.claims or f"{plural}.{name}"
    if claims != ADDRESSES and not _CLAIMS.fullmatch(claims):
        raise DeclarationError(
            f"claims={claims!r} is not lower-case letters, digits and _ with a dot, as in {plural}.{name},"
            f" of at most {CLAIMS_MAX_CHARS} characters"
        )
    return Unique(
        key=_checked(unique.key),
        code=unique.code or f"{name.upper()}_TAKEN",
        message=unique.message or f"Another one of the {plural} has this {name.replace('_', ' ')}.",
        claims=claims,
    )


def _checked(make: Key) -> Key:
    """Return `make` with the checks that apply to every key. Trailing spaces are removed, because "a" and "a " are
    equal in an index."""

    def key(value: Any) -> str:
        made = make(value)
        if not isinstance(made, str):
            raise ValueError(f"its key is not a text but {type(made).__name__}")
        if len(made) > KEY_MAX_CHARS:
            raise ValueError(f"its key has more than {KEY_MAX_CHARS} characters")
        if not made.isascii():
            made.encode()
        return made.rstrip(" ")

    return key


def _mark(marks: Iterable[Any], of: type[_T]) -> _T | None:
    return next((mark for mark in marks if isinstance(mark, of)), None)


def _without_none(hint: Any) -> tuple[Any, bool]:
    """Return (the type, whether it may be None). None may be inside Annotated or around it."""
    if get_origin(hint) in (Union, types.UnionType):
        rest = [each for each in get_args(hint) if each is not type(None)]
        return (rest[0], True) if len(rest) == 1 and len(rest) < len(get_args(hint)) else (hint, False)
    return hint, False
