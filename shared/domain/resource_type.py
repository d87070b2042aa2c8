"""Resource type: the declaration of a resource, in the form from which everything else is derived."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, Strict, WithJsonSchema
from pydantic_core import PydanticCustomError

from holdfast.shared.domain.field_type import FieldType, Key

#: The type of the error for a value that does not conform to the declaration. Its text contains nothing of the value.
NOT_AS_DECLARED = "not_as_declared"


@dataclass(frozen=True, slots=True)
class Unique:
    """No two entities of the resource have the same value, compared by `key`.

    `code` and `message`: those of the error when a value is taken; by default they name the field: `SLUG_TAKEN`.
    `claims`: the name under which values that pending writes claim are kept in Redis, and released values in the
    database. It contains a dot; the default is of the form `books.shelfmark`.
    """

    key: Key = str
    code: str = ""
    message: str = ""
    claims: str = ""


@dataclass(frozen=True, slots=True)
class Public:
    """The field's value may be seen by everybody who has access at all."""


@dataclass(frozen=True, slots=True)
class Example:
    """Example values for the API's description. `changed`: another value, after a change."""

    value: Any
    changed: Any = None


@dataclass(frozen=True, slots=True)
class Backfill:
    """The value of a required field in the rows and writes of earlier builds, which did not know or require the
    field."""

    value: Any


#: Two functions that make the same keys of these values are considered the same, wherever they are defined and whatever
#: their names are.
_TELLING: tuple[Any, ...] = (
    "Aa", "aA", "\u00c9\u00e9", "stra\u00dfe", "a-b_c.d", "0012", "A.b+c@Example.COM",
    " a  b ", "7" * 40, 0, -7, 12, True,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a resource, as declared. `index`: its position among the fields."""

    name: str
    index: int
    type: FieldType
    required: bool
    public: bool
    unique: Unique | None
    example: Example | None
    backfill: Backfill | None
    code: str
    message: str

    @property
    def empty(self) -> Any:
        """The value of the field where there is no value."""
        return self.type.empty if self.required else None

    def clean(self, value: Any) -> Any:
        """Return the value that a person meant by the input. Cleaning it again changes nothing, its column can hold it,
        and it has a key if it needs one. Raises ValueError."""
        try:
            clean = self.type.clean
            cleaned = clean(value)
            if cleaned != value and clean(cleaned) != cleaned:
                raise ValueError("has no clean form")
            self._check(cleaned)
            if self.unique is not None:
                self.unique.key(cleaned)
        except ValueError:
            raise
        except Exception as error:  # noqa: BLE001 - a user's own field type; the text may hold the value
            raise ValueError(f"its field type failed with {type(error).__name__}") from None
        return cleaned

    @cached_property
    def _check(self) -> Callable[[Any], None]:
        return self.type.column.check

    @cached_property
    def key_mark(self) -> str:
        """A mark that identifies a unique field's key function, by the keys that it makes. Empty if the field is not
        unique."""
        return "" if self.unique is None else f"key {_digest(map(self._key_or_none, _TELLING))}"

    def _key_or_none(self, value: Any) -> str | None:
        try:
            return self.unique.key(value) if self.unique and type(value) is self.type.python else None
        except Exception:  # noqa: BLE001 - a user's own function, on any value
            return None

    @property
    def typed(self) -> Any:
        """The pydantic type of a value in a request: of the right JSON type, cleaned."""
        return self._annotated(self.clean)

    @property
    def wire(self) -> Any:
        """The pydantic type of a value on the wire: like `typed`, with an error that contains nothing of the value.
        Another build may have cleaned the value by other rules."""
        clean, rule = self.clean, self.type.constraint

        def stored(value: Any) -> Any:
            try:
                return clean(value)
            except ValueError:
                raise PydanticCustomError(NOT_AS_DECLARED, "{rule}", {"rule": rule}) from None

        return self._annotated(stored)

    def _annotated(self, check: Callable[[Any], Any]) -> Any:
        return Annotated[self.type.python, Strict(), AfterValidator(check), WithJsonSchema(self.type.json_schema)]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class ResourceType:
    """The declaration of one resource. `name`: that of its class, `User`; `singular`, `plural`: the names in URLs and
    keys."""

    name: str
    singular: str
    plural: str
    summary: str
    fields: tuple[Field, ...]
    #: Names of fields that earlier builds had. Writes that still set them are applied without them.
    removed: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<{self.plural}>"

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """The fields by their names."""
        return {field.name: field for field in self.fields}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the fields."""
        return tuple(field.name for field in self.fields)

    @cached_property
    def unique(self) -> tuple[Field, ...]:
        """The fields whose values are unique."""
        return tuple(field for field in self.fields if field.unique)

    @cached_property
    def public_columns(self) -> frozenset[str]:
        """The columns of its table that everybody who has access at all may see."""
        versions = {"created_version", "deleted_version", *(f"{field.name}_version" for field in self.fields)}
        values = {name for field in self.fields if field.public for name in (field.name, f"{field.name}_key")}
        return frozenset({"id"} | versions | values)

    @cached_property
    def empty_values(self) -> tuple[Any, ...]:
        """The values of a tombstone."""
        return tuple(field.empty for field in self.fields)

    @cached_property
    def no_versions(self) -> tuple[int, ...]:
        """The versions of an entity to which nothing has been written."""
        return (0,) * len(self.fields)

    @cached_property
    def no_keys(self) -> tuple[None, ...]:
        """The keys of an entity that has no unique value."""
        return (None,) * len(self.unique)

    @cached_property
    def taken_codes(self) -> frozenset[str]:
        """The error codes that say that another entity has a value."""
        return frozenset(field.unique.code for field in self.unique if field.unique)

    @property
    def one(self) -> str:
        """The singular for use in a sentence: `blog post`."""
        return self.singular.replace("_", " ")

    @property
    def a_one(self) -> str:
        """The singular after `a` or `an`: `a book`."""
        return f"{'an' if self.one[0] in 'aeio' else 'a'} {self.one}"

    @property
    def many(self) -> str:
        """The plural for use in a sentence: `blog posts`."""
        return self.plural.replace("_", " ")

    def code(self, problem: str) -> str:
        """Return the error code of a problem: `code("NOT_FOUND")` is `USER_NOT_FOUND`."""
        return f"{self.singular.upper()}_{problem}"

    @cached_property
    def _claimed(self) -> tuple[tuple[str, str, Key], ...]:
        """The name, the name of the claims, and the key function of each unique field."""
        return tuple((field.name, field.unique.claims, field.unique.key) for field in self.unique if field.unique)

    @cached_property
    def claim_names(self) -> tuple[str, ...]:
        """The names of the claims of the unique fields."""
        return tuple(claims for _, claims, _ in self._claimed)

    def keys(self, values: Mapping[str, Any]) -> tuple[str | None, ...]:
        """Return the key of each unique field's value; None where there is no value."""
        return tuple([key(values[name]) if values.get(name) is not None else None for name, _, key in self._claimed])

    def claims(self, values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """Return what these values claim: for each unique value present, the name of the claims and the key."""
        return tuple(
            [(claims, key(values[name])) for name, claims, key in self._claimed if values.get(name) is not None]
        )

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint, which differs for every declaration."""
        parts: list[Any] = [self.name, self.singular, self.plural, *self.removed]
        for each in self.fields:
            rule = repr(each.type) if is_dataclass(each.type) else type(each.type).__qualname__
            parts += [each.name, each.required, each.key_mark, each.backfill, rule, each.type.json_schema]
        return _digest(parts)

    def shown(self, values: Iterable[Any]) -> dict[str, Any]:
        """Return the values under the fields' names."""
        return {field.name: value for field, value in zip(self.fields, values, strict=True)}


def _digest(parts: Iterable[Any]) -> str:
    return hashlib.sha256(repr(list(parts)).encode()).hexdigest()[:8]
