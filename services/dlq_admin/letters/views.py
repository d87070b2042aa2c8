"""Told: letters, groups and records as JSON has them. Ids of letters are text: they are larger than what JavaScript
counts exactly."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from holdfast.services.dlq_admin.letters.build_fix import verdict
from holdfast.shared.errors import DocumentTooLarge
from holdfast.shared.http.envelope import precise
from holdfast.shared.letters import mask
from holdfast.shared.letters.audit.entries import Recorded
from holdfast.shared.letters.find.groups import Group
from holdfast.shared.letters.find.search import Row
from holdfast.shared.letters.find.whole import Whole
from holdfast.shared.letters.ids import id_of, time_of
from holdfast.shared.letters.letter import Letter
from holdfast.shared.letters.state import State
from holdfast.shared.queue.codec import Undecodable, decode
from holdfast.shared.runtime.documents import parse
from holdfast.shared.store.reads import EndedOperation
from holdfast.shared.writes.merge import Entity
from holdfast.shared.writes.outcome import Rejected
from holdfast.shared.writes.versions import to_datetime

_MOMENTS = ("dead_at", "indexed_at", "state_at")


def letter(row: Row) -> dict[str, Any]:
    """As a list shows it."""
    told = asdict(row)
    number, version = told.pop("id"), told.pop("version")
    return (
        {"id": id_of(number), "seen_at": precise(time_of(number)), "indexed": True}
        | told
        | {name: precise(told[name]) for name in _MOMENTS}
        | {"accepted_at": precise(to_datetime(version)) if version else None}
    )


def unindexed(one: Letter) -> dict[str, Any]:
    """A letter that is only on the stream yet, in the same form."""
    names = (
        "fingerprint",
        "entry_id",
        "operation_id",
        "resource",
        "entity_id",
        "command",
        "reason",
        "kind",
        "code",
        "error",
        "frame",
    )
    return {
        "id": id_of(one.number),
        "seen_at": precise(time_of(one.number)),
        "indexed": False,
        "state": State.DEAD,
        **{name: getattr(one, name) for name in names},
        "writer": one.writer,
        "build": one.build,
        "attempts": len(one.attempts),
        "size_bytes": one.size_bytes,
        "imported": False,
        "edit": 0,
        "replay_id": None,
        "outcome": None,
        "note": None,
        "dead_at": precise(one.dead_at),
        "indexed_at": None,
        "state_at": precise(one.dead_at),
        "accepted_at": precise(to_datetime(one.version)) if one.version else None,
    }


def group(one: Group, running: Mapping[str, str]) -> dict[str, Any]:
    """With what a person wants to know first."""
    return {
        "fingerprint": one.fingerprint,
        "reason": one.reason,
        "kind": one.kind,
        "code": one.code,
        "command": one.command,
        "frame": one.frame,
        "error": one.error,
        "first_seen": precise(time_of(one.first)),
        "last_seen": precise(time_of(one.last)),
        "last_id": id_of(one.last),
        "affected_entities": one.entities,
        "purged": one.purged,
        "imported": one.imported,
        "counts": {state.value: count for state, count in one.states.items()},
        "failed_builds": [{"build": build, "letters": count} for build, count in one.builds.items()],
        "fix": verdict(one.builds, running),
        "note": {"text": one.note.note, "author": one.note.author, "at": precise(one.note.at)} if one.note else None,
    }


def body(original: Mapping[bytes, bytes], attempts: list[Any], *, revealed: bool) -> dict[str, Any]:
    """What died: its fields, what its payload says, and every attempt at it."""
    try:
        payload = parse(original.get(b"payload", b""))
    except (ValueError, DocumentTooLarge):  # it is shown as the text that it is
        payload = None
    problem = None
    try:
        decode(original)
    except Undecodable as error:
        problem = str(error)
    return {
        "original": mask.fields(original, revealed=revealed),
        "payload": mask.payload(payload, original, revealed=revealed),
        "undecodable": problem,
        "attempts_made": attempts,
        "masked": not revealed,
    }


def whole(one: Whole, running: Mapping[str, str], *, revealed: bool) -> dict[str, Any]:
    """One letter with everything around it."""
    return {
        **letter(one.row),
        **body(one.body.original, one.body.attempts, revealed=revealed),
        "entity": _entity(one.entity, revealed) if one.entity else None,
        "operation": _operation(one.ended) if one.ended else None,
        "fix": verdict({one.row.build}, running),
        "lineage": {
            "letters": [letter(kin) for kin in one.kin],
            "edits": [
                {
                    "number": edit.number,
                    "author": edit.author,
                    "reason": edit.reason,
                    "at": precise(edit.at),
                    "transform_id": edit.transform_id,
                    "reverts": edit.reverts,
                    "fields": mask.fields(edit.fields, revealed=revealed),
                }
                for edit in one.edits
            ],
            "replays": [
                {
                    "replay_id": sent.replay_id,
                    "state": sent.state,
                    "entry_id": sent.entry_id,
                    "sent_at": _moment(sent.sent_at),
                    "ended_at": _moment(sent.ended_at),
                    "outcome": sent.outcome,
                }
                for sent in one.sendings
            ],
            "deeds": [record(deed) for deed in one.deeds],
        },
    }


def record(one: Recorded) -> dict[str, Any]:
    """A row of the audit."""
    return asdict(one) | {"at": precise(one.at)}


def _entity(entity: Entity, revealed: bool) -> dict[str, Any]:
    """The entity's row as it is now, a tombstone's included."""
    fields = zip(entity.resource.fields, entity.values, entity.versions, strict=True)
    return {
        "resource": entity.resource.plural,
        "id": entity.id,
        "visible": entity.visible,
        "deleted": bool(entity.deleted_version),
        "version": entity.version,
        "updated_at": precise(to_datetime(entity.version)) if entity.version else None,
        "fields": {
            field.name: {"value": mask.value(value, revealed=revealed or field.public), "version": version}
            for field, value, version in fields
        },
    }


def _operation(ended: EndedOperation) -> dict[str, Any]:
    outcome = ended.outcome
    code = outcome.code if isinstance(outcome, Rejected) else None
    return {"outcome": type(outcome).__name__.lower(), "code": code, "ended_at": precise(ended.ended_at)}


def _moment(moment: datetime | None) -> str | None:
    return precise(moment.replace(tzinfo=UTC)) if moment else None
