"""Load: reads what the decision on a batch needs. The rows of the batch's entities stay locked until the transaction
ends."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from holdfast.shared.domain.resource import ResourceType
from holdfast.shared.store.statements import entity_from, statements_of
from holdfast.shared.writes import keyed
from holdfast.shared.writes.commands import Claim, Ref
from holdfast.shared.writes.decide import Delivery, Ended, Known, mentioned
from holdfast.shared.writes.outcome import Applied, Final, Rejected, Superseded

# The horizon is read with the rows, from one snapshot: if a row is missing because it was removed, the horizon shows
# it.
_SELECT_HORIZON = "SELECT '', '', '', purged_to FROM operation_totals"
_SELECT_RELEASES = "SELECT claims, claim_key, entity_id, version FROM released_values FORCE INDEX (PRIMARY) WHERE"
_RELEASES_OF = "(claims = %s AND claim_key IN ({}))"
_ONE_RELEASE_OF = f"{_SELECT_RELEASES} claims = %s AND claim_key BETWEEN %s AND %s LIMIT 1"
_AND_HORIZON = "UNION ALL SELECT '', '', purged_to, NULL, NULL, 0 FROM operation_totals"
#: An error where no key lets an operation end once only.
_SELECT_ENDED = (
    "SELECT operation_id, effect, entity_version, rejection, entry_id, version"
    " FROM operations FORCE INDEX (PRIMARY) WHERE"
)


class Span(NamedTuple):
    """The values of one name of claims from one key to another, both included. Keys are ordered as Python orders texts,
    because the column's collation is binary."""

    name: str
    least: str
    greatest: str


def load(connection: sa.Connection, batch: list[Delivery]) -> Known:
    """Return what the decision on `batch` needs, and lock the entities' rows."""
    operation_ids, refs, claims = mentioned(batch)
    ended, horizon = _load_ended_or_keyed(connection, operation_ids)
    known = Known(ended=ended, horizon=horizon)
    resources, by_name = _resources(batch), _keys_by_name(claims)
    if claims:
        _load_holders(connection, resources, by_name, known)
    # A row that was read as a holder may be gone by now. Only a row that is locked may be changed in place.
    known.entities = {ref: holder for ref, holder in known.entities.items() if ref not in refs}
    for resource, ids in _ids_by_resource(resources, refs):
        for row in rows_with(connection, statements_of(resource).lock, ids):
            known.entities[Ref(resource.plural, row[0])] = entity_from(resource, row)
    if claims or refs - known.entities.keys():
        # After the holders, so that a transaction that sees a value free also sees its release. After the rows, so that
        # if a tombstone is missing, the horizon is the one that allowed its removal, or a later one.
        known.released, known.horizon = _load_releases(connection, by_name)
    return known


def locked_entities(connection: sa.Connection, batch: list[Delivery]) -> set[Ref]:
    """Return the entities of `batch` whose rows another transaction has locked, and lock the rows of the others."""
    locked: set[Ref] = set()
    _, refs, _ = mentioned(batch)
    for resource, ids in _ids_by_resource(_resources(batch), refs):
        statements = statements_of(resource)
        if there := {row[0] for row in rows_with(connection, statements.existing, ids)}:
            free = {row[0] for row in rows_with(connection, statements.lock_free, there)}
            locked |= {Ref(resource.plural, id) for id in there - free}
    return locked


def load_ended(connection: sa.Connection, operation_ids: Iterable[str]) -> dict[str, Ended]:
    """Return those of `operation_ids` that are over."""
    return _ended(rows_with(connection, f"{_SELECT_ENDED} operation_id IN ({{}})", operation_ids))


def load_releases(
    connection: sa.Connection,
    claims: Iterable[Claim],
    span: Span | None = None,
    kept_apart: Iterable[ResourceType] = (),
) -> tuple[dict[Claim, dict[str, int]], int]:
    """Return, for each value, the version at which each entity last released it; and the horizon.

    `span`: also return one release in this range, if there is any; almost always there is none, and then a range costs
    no more than a single value. `kept_apart`: raise the driver's error if a unique index of these resources is missing,
    or their primary key, or that of the operations.
    """
    return _load_releases(connection, _keys_by_name(claims), span, kept_apart)


def is_any_released(connection: sa.Connection, span: Span) -> bool:
    """Return whether the range holds any release."""
    return bool(connection.exec_driver_sql(_ONE_RELEASE_OF, span).first())


def _load_releases(
    connection: sa.Connection,
    by_name: Mapping[str, Sequence[str]],
    span: Span | None = None,
    kept_apart: Iterable[ResourceType] = (),
) -> tuple[dict[Claim, dict[str, int]], int]:
    where = " OR ".join(_RELEASES_OF.format(_marks(keys)) for keys in by_name.values())
    query = f"{_SELECT_RELEASES} {where} UNION ALL {_SELECT_HORIZON}" if by_name else _SELECT_HORIZON
    values = tuple(value for name, keys in by_name.items() for value in (name, *keys))
    if span:
        query, values = f"{query} UNION ALL ({_ONE_RELEASE_OF})", (*values, *span)
    query = " UNION ALL ".join([query, *(statements_of(each).kept_apart for each in kept_apart)])
    rows: Any = connection.exec_driver_sql(query, values).all()
    released: dict[Claim, dict[str, int]] = {}
    for name, key, entity_id, version in rows:
        if name:
            released.setdefault((name, key), {})[entity_id] = version
    return released, next((int(row[3]) for row in rows if not row[0]), 0)


def final_from(effect: str, entity_version: int, rejection: str | None) -> Final:
    """Return the outcome that a row of `operations` records."""
    match effect:
        case "applied":
            return Applied(entity_version)
        case "superseded":
            return Superseded(entity_version)
        case _:
            what = json.loads(rejection or "{}")
            return Rejected(what.get("code", ""), what.get("detail", {}))


def rows_with(connection: sa.Connection, query: str, values: Iterable[str]) -> Sequence[tuple[Any, ...]]:
    """Return the rows of `query`, whose `{}` is replaced by one placeholder per value."""
    wanted = tuple(sorted(values))
    rows: Any = connection.exec_driver_sql(query.format(_marks(wanted)), wanted).all()
    return rows  # type: ignore[no-any-return]


def _load_holders(
    connection: sa.Connection, resources: Sequence[ResourceType], by_name: Mapping[str, Sequence[str]], known: Known
) -> None:
    """Load the entities that have the claimed values now into `known`, and lock nothing."""
    for resource in resources:
        for place, field in enumerate(resource.unique):
            name = field.unique.claims if field.unique else ""
            if name not in by_name:
                continue
            for row in rows_with(connection, statements_of(resource).by_key[place], by_name[name]):
                holder = entity_from(resource, row)
                known.entities[holder.ref] = holder
                known.owners[name, holder.keys[place] or ""] = holder.ref


def _load_ended_or_keyed(connection: sa.Connection, operation_ids: Iterable[str]) -> tuple[dict[str, Ended], int]:
    """Return those of `operation_ids` that are over, together with all ended operations that have the Idempotency-Key
    of one of them; and the horizon."""
    parts = {each: keyed.key_part(each) for each in operation_ids}
    plain = sorted(each for each, part in parts.items() if part is None)
    ranges = sorted({keyed.bounds(part) for part in parts.values() if part is not None})
    where = [f"operation_id IN ({_marks(plain)})"] if plain else []
    where += ["operation_id BETWEEN %s AND %s"] * len(ranges)
    values = (*plain, *(end for ends in ranges for end in ends))
    query = f"{_SELECT_ENDED} {' OR '.join(where)} {_AND_HORIZON}"
    rows: Any = connection.exec_driver_sql(query, values).all()
    return _ended(row for row in rows if row[0]), next((int(row[2]) for row in rows if not row[0]), 0)


def _ended(rows: Iterable[Any]) -> dict[str, Ended]:
    return {
        operation_id: Ended(final_from(effect, entity_version, rejection), entry_id, version)
        for operation_id, effect, entity_version, rejection, entry_id, version in rows
    }


def _resources(batch: Iterable[Delivery]) -> list[ResourceType]:
    """Return the resources of a batch, in the order in which every transaction locks rows."""
    return sorted({delivery.write.command.resource for delivery in batch}, key=lambda resource: resource.plural)


def _ids_by_resource(
    resources: Iterable[ResourceType], refs: Iterable[Ref]
) -> Iterator[tuple[ResourceType, list[str]]]:
    ids = defaultdict(list)
    for ref in refs:
        ids[ref.resource].append(ref.id)
    return ((resource, ids[resource.plural]) for resource in resources if resource.plural in ids)


def _keys_by_name(claims: Iterable[Claim]) -> dict[str, list[str]]:
    keys = defaultdict(list)
    for name, key in sorted(claims):
        keys[name].append(key)
    return keys


def _marks(values: Sequence[object]) -> str:
    return ",".join(["%s"] * len(values))
