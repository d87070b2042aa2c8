"""Resource: how to declare what is stored. Everything else is derived from the declaration, once, at start.

    class Book(Resource, plural="books"):
        \"\"\"A book that is on a shelf, or was.\"\"\"

        shelfmark: Annotated[str, Slug(), Unique(), Public(), Example("fiction-0042")]
        title: Annotated[str, Text(max_chars=300), Public(), Example("On failing well")]
        summary: Annotated[str, Text(max_chars=20_000, lines=True)]
        lent_at: Annotated[str, Moment(), Public()] | None = None

A field without a default is required; a field with `| None = None` may be missing, and may be set to null. A field that
is not `Public` is personal: its value is masked for everybody without the right to see it. A tombstone keeps no value.
Fields that several resources share are declared in a class beside `Resource` (`class Book(Dated, Resource, ...)`).
"""

import sys
from collections.abc import Iterable, Iterator
from inspect import cleandoc, get_annotations
from types import SimpleNamespace
from typing import Any, ClassVar, get_origin, get_type_hints

from holdfast.shared.domain.declared_field import CLAIMS_MAX_CHARS as CLAIMS_MAX_CHARS
from holdfast.shared.domain.declared_field import NAME_MAX_CHARS as NAME_MAX_CHARS
from holdfast.shared.domain.declared_field import DeclarationError as DeclarationError
from holdfast.shared.domain.declared_field import check_name, declared_field, is_declared
from holdfast.shared.domain.resource_type import Backfill as Backfill
from holdfast.shared.domain.resource_type import Example as Example
from holdfast.shared.domain.resource_type import Field as Field
from holdfast.shared.domain.resource_type import Public as Public
from holdfast.shared.domain.resource_type import ResourceType as ResourceType
from holdfast.shared.domain.resource_type import Unique as Unique
from holdfast.shared.domain.table_size import misfit


class Resource:
    """The base of every declared resource; see the module's documentation."""

    type: ClassVar[ResourceType]

    def __init_subclass__(
        cls, *, plural: str = "", singular: str = "", removed: Iterable[str] = (), **unknown: object
    ) -> None:
        """Derive the resource's type from the class. `removed`: names of fields that earlier builds had. Raises
        DeclarationError."""
        name = cls.__name__
        if unknown:
            raise DeclarationError(f"{name}: a resource has plural, singular and removed, and no {', '.join(unknown)}")
        if not plural:
            raise DeclarationError(f'{name}: say plural, as in class Book(Resource, plural="books")')
        singular = singular or name.lower()
        for each in (plural, singular, name.lower()):
            check_name(each, f"{name}: the name {each!r}")
        fields = tuple(_fields(cls, plural))
        if not fields:
            raise DeclarationError(f"{name} has no fields")
        removed = _removed(name, removed, fields)
        _check_columns(name, fields, removed)
        if why := misfit(fields):
            raise DeclarationError(f"{name}: {why}")
        cls.type = ResourceType(
            name=name,
            singular=singular,
            plural=plural,
            summary=cleandoc(cls.__doc__ or f"One of the {plural}."),
            fields=fields,
            removed=removed,
        )


def _fields(cls: type, plural: str) -> list[Field]:
    """Return the fields. Raises DeclarationError, which names all that are wrong."""
    fields, wrong = [], []
    for index, declared in enumerate(_annotations(cls)):
        try:
            fields.append(declared_field(cls, plural, index, *declared))
        except DeclarationError as error:
            wrong.append(str(error))
    if wrong:
        raise DeclarationError("\n".join(wrong))
    return fields


def _annotations(cls: type) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, type and default of each field, those of base classes first. Raises DeclarationError."""
    hints: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base not in (object, Resource):
            annotated = get_annotations(base)
            hints |= {name: _resolved(cls, base, name, hint) for name, hint in annotated.items()}
            values |= vars(base)
    for name, value in values.items():
        if name not in hints and is_declared(value):
            raise DeclarationError(f"{cls.__name__}.{name}: a field is written `{name}: Annotated[...]`")
    for name, hint in hints.items():
        if hint is not ClassVar and get_origin(hint) is not ClassVar:
            yield name, hint, values.get(name, ...)


def _resolved(cls: type, base: type, name: str, hint: Any) -> Any:
    """Return the type that an annotation names. The annotation may be a string."""
    module = vars(sys.modules[base.__module__]) if base.__module__ in sys.modules else {}
    holder = SimpleNamespace(__annotations__={name: hint})
    try:
        return get_type_hints(holder, module, dict(vars(base)), include_extras=True)[name]
    except Exception as error:  # a user's expression may raise anything
        raise DeclarationError(f"{cls.__name__}.{name}: {type(error).__name__}: {error}") from error


def _removed(name: str, removed: Any, fields: Iterable[Field]) -> tuple[str, ...]:
    if isinstance(removed, str) or not all(isinstance(each, str) for each in removed):
        raise DeclarationError(f'{name}: removed is a list of names, as in removed=["price"]')
    for each in removed:
        check_name(each, f"{name}: the removed {each!r}")
    if still := sorted({field.name for field in fields}.intersection(removed)):
        raise DeclarationError(f"{name}: {', '.join(still)} is removed, and declared")
    return tuple(removed)


def _check_columns(name: str, fields: Iterable[Field], removed: Iterable[str]) -> None:
    """Check that no two columns have the same name. Each value, version and key is a column, as are the versions of
    creation and deletion. Columns of removed fields may still exist."""
    names = [
        f"{each}{end}" for each in (*(field.name for field in fields), *removed) for end in ("", "_version", "_key")
    ]
    names += ["created_version", "deleted_version"]
    if twice := sorted({each for each in names if names.count(each) > 1}):
        raise DeclarationError(f"{name}: {', '.join(twice)} would be two columns")
