"""Write down: writes a decision to the database."""

import json
from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from holdfast.shared.runtime.timestamps import utc_now
from holdfast.shared.store.statements import insert_into, statements_of
from holdfast.shared.store.tables import operations
from holdfast.shared.writes.commands import label
from holdfast.shared.writes.decide import Decision, Delivery, Known
from holdfast.shared.writes.merge import Entity, row_of
from holdfast.shared.writes.outcome import Applied, Final, Rejected, Superseded

_INSERT_OPERATION = insert_into(
    operations.name, [column.name for column in operations.columns if column.server_default is None]
)
_INSERT_DELETED = "INSERT INTO deleted_entities (resource, entity_id, deleted_at) VALUES"
_DELETED_AGAIN = "ON DUPLICATE KEY UPDATE deleted_at = VALUES(deleted_at)"
_ID_OF = attrgetter("id")
#: Records which entity released a value, and the newest version at which it did.
RELEASE = sa.text(
    "INSERT INTO released_values (claims, claim_key, entity_id, version) VALUES (:claims, :key, :entity_id, :version)"
    " ON DUPLICATE KEY UPDATE version = GREATEST(version, VALUES(version))"
)


def write_down(connection: sa.Connection, decision: Decision, known: Known) -> None:
    """Write a decision in the caller's transaction. `known`: the state that the decision was based on."""
    if decision.entities:
        _write_entities(connection, decision, known)
    if decision.released:
        rows = [
            {"claims": name, "key": key, "entity_id": entity_id, "version": version}
            for ((name, key), entity_id), version in sorted(decision.released.items())
        ]
        connection.execute(RELEASE, rows)
    if decision.ended:
        now = utc_now().replace(tzinfo=None).isoformat(sep=" ")
        connection.exec_driver_sql(_INSERT_OPERATION, [_operation_row(*ended, now) for ended in decision.ended])


def _write_entities(connection: sa.Connection, decision: Decision, known: Known) -> None:
    """Write the entities by resource and then by id, so that every transaction locks in the same order."""
    by_resource: dict[str, list[Entity]] = defaultdict(list)
    for (resource, _), entity in decision.entities.items():
        by_resource[resource].append(entity)
    for _, entities in sorted(by_resource.items()):
        entities.sort(key=_ID_OF)
        _write_rows(connection, entities, known)
    if gone := sorted([ref for ref, entity in decision.entities.items() if entity.deleted_version]):
        values = ",".join(["(%s, %s, UTC_TIMESTAMP(6))"] * len(gone))
        connection.exec_driver_sql(
            f"{_INSERT_DELETED} {values} {_DELETED_AGAIN}", tuple(value for ref in gone for value in ref)
        )


def _write_rows(connection: sa.Connection, entities: Sequence[Entity], known: Known) -> None:
    """Write entities of one resource. Unique values are taken from their old rows first, so that a value can pass from
    one entity of the batch to another. A clash of unique values fails: an entity whose row is not known to exist is
    inserted, and a row that exists is changed under its id."""
    statements = statements_of(entities[0].resource)
    before = {entity.id: old for entity in entities if (old := known.entities.get(entity.ref)) is not None}
    changed = [entity for entity in entities if entity.id in before and not entity.deleted_version]
    # A tombstone keeps no value, not even of a field that only another build knows.
    _run(connection, statements.delete, [each.id for each in entities if each.id in before and each.deleted_version])
    _run(connection, statements.take_values, [each.id for each in changed if each.keys != before[each.id].keys])
    if changed:
        connection.exec_driver_sql(statements.change, [row_of(entity) for entity in changed])
    if entities := [each for each in entities if each.id not in before or each.deleted_version]:
        connection.exec_driver_sql(statements.insert, [row_of(entity) for entity in entities])


def _run(connection: sa.Connection, statement: str, ids: Sequence[str]) -> None:
    if ids:
        connection.exec_driver_sql(statement.format(",".join(["%s"] * len(ids))), tuple(ids))


def _operation_row(delivery: Delivery, outcome: Final, now: str) -> tuple[Any, ...]:
    """Return the row for `operations`, in the order of its columns."""
    write = delivery.write
    rejection = None
    match outcome:
        case Applied(version) | Superseded(version):
            pass
        case Rejected(code, detail):
            version = 0
            rejection = json.dumps({"code": code, "detail": detail})
    command = write.command
    return (
        write.operation_id,
        command.resource.plural,
        write.entity_id,
        label(command),
        write.version,
        outcome.status,
        version,
        rejection,
        write.body_hash or None,
        delivery.entry_id,
        now,
    )
