"""Form: what a copy is, and how it is encoded.

An entity is stored once, under its own name. A page of entities, or the record of which entity has a unique value,
holds only references, so that nothing of an entity is left anywhere when its one copy is gone. A copy is a JSON array:
form, order, as_of, and content. Of two copies of one thing, the one with the greater order is the newer state, whatever
the clocks say.
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
    """An entity in the state of its row at `as_of`, in Unix seconds."""

    entity: Entity
    as_of: float

    @property
    def order(self) -> tuple[int, ...]:
        """The order, which grows with every change of a row, in any order of writes. A delete is the last in the
        order."""
        entity = self.entity
        return (int(entity.deleted_version > 0), entity.created_version, *entity.versions)

    @property
    def content(self) -> tuple[Any, ...]:
        """The state."""
        return self.entity


class Listed(NamedTuple):
    """An entity on a page: its id, its least version, and its place in the order of creation."""

    id: str
    version: int
    created_version: int


class PageCopy(NamedTuple):
    """The entities on a page at `as_of`, in Unix seconds."""

    listed: tuple[Listed, ...]
    #: When the read began, in microseconds by the database's clock.
    read_us: int
    as_of: float

    @classmethod
    def of(cls, entities: Iterable[Entity], read_us: int, as_of: float) -> Self:
        """Return the page that shows these entities."""
        return cls(tuple(Listed(each.id, each.version, each.created_version) for each in entities), read_us, as_of)

    @property
    def order(self) -> tuple[int, ...]:
        """The order, which grows with time, so that a delete cannot turn it back."""
        return (self.read_us,)

    @property
    def content(self) -> tuple[Any, ...]:
        """The state."""
        return self.listed


Copy = EntityCopy | PageCopy


def later(one: Copy | None, other: Copy | None) -> Copy | None:
    """Return the copy with the newer state, or of two copies of one state the newer copy. A copy from the future counts
    as the older one: it was made before the clock stepped back, so its age is unknown."""
    if one is None or other is None or type(one) is not type(other):
        return one or other
    now_s = time.time()
    return max(one, other, key=lambda copy: (copy.order, copy.as_of <= now_s, copy.as_of))


def encoded(copy: Copy) -> bytes:
    """Return the stored form of a copy."""
    if isinstance(copy, EntityCopy):
        form = _form_of(copy.entity.resource)
        return orjson.dumps((form.name, copy.order, copy.as_of, form.row(row_of(copy.entity))))
    return orjson.dumps([_PAGE_FORM, copy.order, copy.as_of, [tuple(one) for one in copy.listed]])


def decoded(name: str, value: bytes | str) -> Copy | None:
    """Return the copy under `name`, or None for a value that is not in a form of this build."""
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
    """Return the name of an entity's copy: `user:<id>`."""
    return f"{domain().by_plural[entity.resource].singular}:{entity.id}"


def named(entities: Iterable[Entity], as_of: float) -> list[tuple[str, EntityCopy]]:
    """Return the copies of entities, each with its name."""
    return [(f"{each.resource.singular}:{each.id}", EntityCopy(each, as_of)) for each in entities]


def page_name(resource: ResourceType, after: int, limit: int) -> str:
    """Return the name of a page's copy."""
    return f"page:{resource.plural}:{after}:{limit}"


def unique_name(claims: str, key: str, secret: bytes) -> str:
    """Return the name of the copy that records which entity has a unique value. The name does not contain the value,
    which would remain after the entity is gone. Without the secret, the value cannot be found by trying candidates;
    with another secret, the copy is not found."""
    return f"unique:{claims}:{hmac.digest(secret, f'{claims}:{key}'.encode(), 'sha256').hex()}"


class _Form(NamedTuple):
    resource: ResourceType
    name: str
    adapter: TypeAdapter[Any]
    #: Converts an entity's row to the order of the form's columns.
    row: Callable[[tuple[Any, ...]], tuple[Any, ...]]


@cache
def _forms(of: Domain) -> Mapping[str, _Form]:
    """Return the forms of entities' copies, by the singular name."""
    return {resource.singular: _form_of(resource) for resource in of.resources}


@cache
def _form_of(resource: ResourceType) -> _Form:
    columns: list[tuple[str, Any]] = [("id", str)]
    for field in resource.fields:
        value: Any = field.type.column.python
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
    """Return a function that converts an entity's row to the order of the form's columns, in which the columns of one
    field are adjacent."""
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
    """Return the name of a form. Another build's columns yield another name."""
    described = " ".join(f"{column}:{hint}" for column, hint in columns)
    return f"{name}:{hashlib.sha256(described.encode()).hexdigest()[:8]}"


_LISTED = tuple(get_type_hints(Listed).items())
_PAGE_FORM = _form(Listed.__name__, _LISTED)
_LISTS: Any = list.__class_getitem__(_tuple(*(_Version if hint is int else hint for _, hint in _LISTED)))
_PAGE: TypeAdapter[Any] = TypeAdapter(_tuple(Literal[_PAGE_FORM], tuple[_Version], _Moment, _LISTS), config=_STRICT)
