"""Views: turn what the index and the streams hold into response models."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from holdfast.services.dlq_admin.letters import models
from holdfast.services.dlq_admin.letters.models import BuildFix
from holdfast.shared.errors import DocumentTooLarge
from holdfast.shared.letters import mask
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


def build_fix(failed: Collection[str], running: Mapping[str, str] | None) -> BuildFix:
    """Compare the builds that failed with those that run. `running`: writer -> build; None: not known."""
    if running is None:
        says = "Which builds run is not known: the queue, where writers report, does not answer."
        return BuildFix(running_builds=[], writers=None, changed=None, says=says)
    builds = sorted(set(running.values()))
    still = [build for build in builds if build in failed]
    if not builds:
        changed, says = None, "No writer has reported lately, so it is not known which build would handle these."
    elif not still:
        changed, says = "yes", "Every writer runs a build that none of these has failed on."
    elif len(still) < len(builds):
        changed, says = "partly", "Some writers still run a build that these failed on."
    else:
        changed, says = "no", "Nothing changed since these failed: the same build is still running."
    return BuildFix(running_builds=builds, writers=len(running), changed=changed, says=says)


def summary(row: Row) -> models.LetterSummary:
    """Return a letter of the index."""
    return models.LetterSummary.from_source(row, **_indexed(row))


def unindexed(letter: Letter) -> models.LetterSummary:
    """Return a letter that is still only on the stream."""
    return models.LetterSummary.from_source(letter, **_on_stream(letter))


def unindexed_detail(letter: Letter, running: Mapping[str, str] | None, *, revealed: bool) -> models.LetterDetail:
    """Return a letter that is still only on the stream, with its fields and attempts."""
    return models.LetterDetail.from_source(
        letter,
        **_on_stream(letter),
        **_content(letter.original, letter.attempts, revealed),
        entity=None,
        operation=None,
        fix=build_fix({letter.build}, running),
    )


def detail(whole: Whole, running: Mapping[str, str] | None, *, revealed: bool) -> models.LetterDetail:
    """Return one letter with everything around it."""
    edits = [models.EditShown.from_source(edit, fields=_shown(edit.fields, revealed)) for edit in whole.edits]
    return models.LetterDetail.from_source(
        whole.row,
        **_indexed(whole.row),
        **_content(whole.body.original, whole.body.attempts, revealed),
        entity=_entity(whole.entity, revealed) if whole.entity else None,
        operation=_operation(whole.ended) if whole.ended else None,
        fix=build_fix({whole.row.build}, running),
        lineage=models.Lineage(
            letters=[summary(each) for each in whole.kin],
            edits=edits,
            replays=[models.SendingShown.from_source(each) for each in whole.sendings],
            audit=[models.AuditRecord.from_source(each) for each in whole.audit_entries],
        ),
    )


def group(one: Group, running: Mapping[str, str] | None, trend: models.Trend) -> models.GroupSummary:
    """Return a group, whether another build runs than those it failed on, and its trend."""
    note = one.note
    return models.GroupSummary.from_source(
        one,
        first_seen=time_of(one.first),
        last_seen=time_of(one.last),
        last_id=id_of(one.last),
        affected_entities=one.entities,
        counts={state.value: count for state, count in one.states.items()},
        failed_builds=[{"build": build, "letters": count} for build, count in one.builds.items()],
        fix=build_fix(one.builds, running),
        note=models.GroupNote.from_source(note, text=note.note) if note else None,
        trend=trend,
    )


def _indexed(row: Row) -> dict[str, Any]:
    return {
        "id": id_of(row.id),
        "seen_at": time_of(row.id),
        "indexed": True,
        "accepted_at": _moment(row.version),
    }


def _on_stream(letter: Letter) -> dict[str, Any]:
    return {
        "id": id_of(letter.number),
        "seen_at": time_of(letter.number),
        "indexed": False,
        "state": State.DEAD,
        "attempts": len(letter.attempts),
        "imported": False,
        "edit": 0,
        "replay_id": None,
        "outcome": None,
        "note": None,
        "indexed_at": None,
        "state_at": letter.dead_at,
        "accepted_at": _moment(letter.version),
    }


def _content(original: Mapping[bytes, bytes], attempts: list[Any], revealed: bool) -> dict[str, Any]:
    """Return the fields of the entry, its payload, and every attempt at it."""
    try:
        payload = parse(original.get(b"payload", b""))
    except (ValueError, DocumentTooLarge):  # the payload is shown as text, among the fields
        payload = None
    problem = None
    try:
        decode(original)
    except Undecodable as error:
        problem = str(error)
    return {
        "original": _shown(original, revealed),
        "payload": mask.payload(payload, original, revealed=revealed),
        "undecodable": problem,
        "attempts_made": attempts,
        "masked": not revealed,
    }


def _shown(fields: Mapping[bytes, bytes], revealed: bool) -> list[dict[str, Any]]:
    return mask.fields(fields, revealed=revealed)


def _entity(entity: Entity, revealed: bool) -> models.EntityShown:
    """Return the entity's current row, which may be a tombstone."""
    fields = zip(entity.resource.fields, entity.values, entity.versions, strict=True)
    return models.EntityShown(
        resource=entity.resource.plural,
        id=entity.id,
        visible=entity.visible,
        deleted=bool(entity.deleted_version),
        version=entity.version,
        updated_at=_moment(entity.version),
        fields={
            field.name: models.FieldNow(value=mask.value(value, revealed=revealed or field.public), version=version)
            for field, value, version in fields
        },
    )


def _operation(ended: EndedOperation) -> models.OperationEnd:
    outcome = ended.outcome
    code = outcome.code if isinstance(outcome, Rejected) else None
    return models.OperationEnd(outcome=type(outcome).__name__.lower(), code=code, ended_at=ended.ended_at)


def _moment(version: int | None) -> datetime | None:
    return to_datetime(version) if version else None
