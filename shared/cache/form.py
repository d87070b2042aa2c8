"""Form: what a copy is, and how it is written down.

An entity is kept once, under its own name; a page of entities, or which one has a unique value, holds only which ones,
so that nothing of an entity is left anywhere when one copy is gone. A copy is a JSON array: form, order, as_of, and
content. Of two copies of one thing the one that comes later in its order is the newer state, whatever clock says what.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Annotated, Any, Literal, NamedTuple, Self, get_type_hints

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from holdfast.shared.domain.registry import Domain, domain
from holdfast.shared.domain.resource import ResourceType
from holdfast.shared.writes.commands import Ref
from holdfast.shared.writes.merge import Entity, row_of

_Version = Annotated[int, Field(ge=0, lt=2**53)]
_Moment = Annotated[float, Field(ge=0, lt=2**40, allow_inf_nan=False)]
_STRICT = ConfigDict(strict=True)


class EntityCopy(NamedTuple):
    """An entity as its row was at `as_of`, in Unix seconds."""

    entity: Entity
    as_of: float

    @property
    def order(self) -> tuple[int, ...]:
        """Grows with every change of a row, in any order of writes; nothing comes after a delete."""
        entity = self.entity
        return (int(entity.deleted_version > 0), entity.created_version, *entity.versions)

    @property
    def content(self) -> tuple[Any, ...]:
        """The state."""
        return self.entity


class Listed(NamedTuple):
    """An entity on a page: which one, at least at which version, and where in the order of creation."""

    id: str
    version: int
    created_version: int


class PageCopy(NamedTuple):
    """What was on a page at `as_of`."""

    listed: tuple[Listed, ...]
    #: When the read began, in microseconds by the database's clock.
    read_us: int
    as_of: float

    @classmethod
    def of(cls, entities: Iterable[Entity], read_us: int, as_of: float) -> Self:
        """The page that shows these."""
        return cls(tuple(Listed(each.id, each.version, each.created_version) for each in entities), read_us, as_of)

    @property
    def order(self) -> tuple[int, ...]:
        """A delete cannot turn it back."""
        return (self.read_us,)

    @property
    def content(self) -> tuple[Any, ...]:
        """The state."""
        return self.listed


Copy = EntityCopy | PageCopy


def later(one: Copy | None, other: Copy | None) -> Copy | None:
    """The one that knows more."""
    if one is None or other is None or type(one) is not type(other):
        return one or other
    return max(one, other, key=lambda copy: (copy.order, copy.as_of))


def encoded(copy: Copy) -> bytes:
    """As it is kept."""
    if isinstance(copy, EntityCopy):
        form = _form_of(copy.entity.resource)
        return orjson.dumps((form.name, copy.order, copy.as_of, form.row(row_of(copy.entity))))
    return orjson.dumps([_PAGE_FORM, copy.order, copy.as_of, [tuple(one) for one in copy.listed]])


def decoded(name: str, value: bytes | str) -> Copy | None:
    """The copy under `name`; None for whatever is not of a form of this build."""
    form = _forms(domain()).get(name.partition(":")[0])
    try:
        if form is not None:
            _, _, as_of, row = form.adapter.validate_json(value)
            copy = EntityCopy(_entity(form.resource, row), min(as_of, time.time()))
            return copy if name == entity_name(copy.entity.ref) else None
        _, (read_us,), as_of, listed = _PAGE.validate_json(value)
        return PageCopy(tuple(Listed(*one) for one in listed), read_us, min(as_of, time.time()))
    except ValidationError:
        return None


def entity_name(entity: Ref) -> str:
    """The name of an entity's copy: `user:<id>`."""
    return f"{domain().by_plural[entity.resource].singular}:{entity.id}"


def named(entities: Iterable[Entity], as_of: float) -> list[tuple[str, EntityCopy]]:
    """The copies of entities, each under its name."""
    return [(f"{each.resource.singular}:{each.id}", EntityCopy(each, as_of)) for each in entities]


def page_name(resource: ResourceType, after: int, limit: int) -> str:
    """The name of a page's copy."""
    return f"page:{resource.plural}:{after}:{limit}"


def unique_name(claims: str, key: str, secret: bytes) -> str:
    """The name of the copy of which entity has a unique value. Not the value: it would stay when its entity is gone.
    Nobody without the secret finds out which value it is by trying some; with another secret the copy is not found."""
    return f"unique:{claims}:{hmac.digest(secret, f'{claims}:{key}'.encode(), 'sha256').hex()}"


class _Form(NamedTuple):
    resource: ResourceType
    name: str
    adapter: TypeAdapter[Any]
    #: An entity's row -> in the order of the form's columns.
    row: Callable[[tuple[Any, ...]], tuple[Any, ...]]


@cache
def _forms(of: Domain) -> Mapping[str, _Form]:
    """How copies of entities are written, by the singular name."""
    return {resource.singular: _form_of(resource) for resource in of.resources}


@cache
def _form_of(resource: ResourceType) -> _Form:
    columns: list[tuple[str, Any]] = [("id", str)]
    for field in resource.fields:
        value: Any = {"text": str, "integer": int, "boolean": bool}[field.type.column.kind]
        columns.append((field.name, value if field.required else value | None))
        columns += [(f"{field.name}_key", str | None)] if field.unique else []
        columns.append((f"{field.name}_version", int))
    columns += [("created_version", int), ("deleted_version", int)]
    versions = {name for name, _ in columns if name.endswith("_version") and name not in resource.by_name}
    name = _form(resource.name, columns)
    row = _tuple(*(_Version if column in versions else hint for column, hint in columns))
    adapter = TypeAdapter(_tuple(Literal[name], list[_Version], _Moment, row), config=_STRICT)
    return _Form(resource, name, adapter, _in_order(resource))


def _in_order(resource: ResourceType) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """An entity's row -> in the order of the form's columns, where what belongs to one field stands together."""
    count = len(resource.fields)
    keys = iter(range(1 + 2 * count, 1 + 2 * count + len(resource.unique)))
    places = [0]
    for field in resource.fields:
        places += [1 + field.index, *([next(keys)] if field.unique else []), 1 + count + field.index]
    return itemgetter(*places, -2, -1)


def _entity(resource: ResourceType, row: Sequence[Any]) -> Entity:
    values, keys, versions = [], [], []
    rest = iter(row)
    id = next(rest)
    for field in resource.fields:
        values.append(next(rest))
        if field.unique:
            keys.append(next(rest))
        versions.append(next(rest))
    return Entity(resource, id, tuple(values), tuple(versions), tuple(keys), next(rest), next(rest))


def _tuple(*types: Any) -> Any:
    return tuple.__class_getitem__(types)


def _form(name: str, columns: Iterable[tuple[str, Any]]) -> str:
    """Another build's columns are another form."""
    described = " ".join(f"{column}:{hint}" for column, hint in columns)
    return f"{name}:{hashlib.sha256(described.encode()).hexdigest()[:8]}"


_LISTED = tuple(get_type_hints(Listed).items())
_PAGE_FORM = _form(Listed.__name__, _LISTED)
_LISTS: Any = list.__class_getitem__(_tuple(*(_Version if hint is int else hint for _, hint in _LISTED)))
_PAGE: TypeAdapter[Any] = TypeAdapter(_tuple(Literal[_PAGE_FORM], tuple[_Version], _Moment, _LISTS), config=_STRICT)
