"""Models: dead letters and groups, as API answers show them. Ids of letters are text, because they are larger than the
integers that JavaScript represents exactly."""

from typing import Any, Literal

from pydantic import Field

from holdfast.services.dlq_admin.responses import Count, Counts, Moment, ResponseModel
from holdfast.shared.letters.state import State


class LetterSummary(ResponseModel):
    """A dead letter in a list."""

    id: str
    seen_at: Moment
    indexed: bool
    fingerprint: str
    state: State
    entry_id: str
    operation_id: str | None
    resource: str | None
    entity_id: str | None
    command: str
    reason: str
    kind: str
    code: str
    error: str
    frame: str
    dead_at: Moment
    accepted_at: Moment | None
    writer: str
    build: str
    attempts: int
    size_bytes: int
    imported: bool
    edit: int
    replay_id: int | None
    outcome: str | None
    note: str | None
    indexed_at: Moment | None
    state_at: Moment


class BuildFix(ResponseModel):
    """Whether the running builds differ from those that failed. `writers` is null if the queue does not report which
    writers run."""

    running_builds: list[str]
    writers: Count | None
    changed: Literal["yes", "no", "partly"] | None
    says: str


class Trend(ResponseModel):
    """Dead letters per step of time."""

    since: Moment
    step_s: Count
    letters: list[Count]


class FailedBuild(ResponseModel):
    """A build, and how many letters of a group failed on it."""

    build: str
    letters: Count


class GroupNote(ResponseModel):
    """An operator's note on a group."""

    text: str
    author: str
    at: Moment


class GroupWhatIf(ResponseModel):
    """A what-if of all dead letters of a group."""

    at: Moment
    count: Count
    verdicts: Counts


class GroupStanding(ResponseModel):
    """The progress of a group's dead letters: how many of the newest `looked_at` an edit changes; the replay that has
    some of the others, and its state; the last what-if of all of them, if nothing has changed since; and, for letters
    that cannot be decoded and are not edited, a patch to start from, guessed from the newest letter."""

    looked_at: Count
    edited: Count
    replay_id: int | None
    replay_state: str | None = None
    what_if: GroupWhatIf | None
    suggested: list[dict[str, Any]] = Field(default_factory=list)


class GroupSummary(ResponseModel):
    """Letters that failed alike. `standing` is included in the answer for a single group."""

    fingerprint: str
    reason: str
    kind: str
    code: str
    command: str
    frame: str
    error: str
    first_seen: Moment
    last_seen: Moment
    last_id: str
    affected_entities: Count
    counts: Counts
    purged: Count
    imported: Count
    failed_builds: list[FailedBuild]
    fix: BuildFix
    note: GroupNote | None
    trend: Trend
    standing: GroupStanding | None = None


class AuditRecord(ResponseModel):
    """An entry of the audit."""

    id: Count
    at: Moment
    actor: str
    role: str
    action: str
    reason: str
    letters: Count
    selection: dict[str, Any] | None
    details: dict[str, Any] | None
    request_id: str


class FieldShown(ResponseModel):
    """A field of an entry: its value, a note that it is masked, or its beginning. Bytes that are not text are
    `{"base64": ...}`."""

    name: str | dict[str, str]
    value: str | dict[str, str] = ""
    masked: bool = False
    cut: bool = False
    bytes: Count = 0


class EditShown(ResponseModel):
    """A version of a letter's fields."""

    number: Count
    author: str
    reason: str
    at: Moment
    transform_id: int | None
    reverts: int | None
    fields: list[FieldShown]


class SendingShown(ResponseModel):
    """A replay of a letter."""

    replay_id: Count
    state: str
    entry_id: str | None
    sent_at: Moment | None
    ended_at: Moment | None
    outcome: str | None


class Lineage(ResponseModel):
    """What happened to a letter, and the other letters of its operation."""

    letters: list[LetterSummary]
    edits: list[EditShown]
    replays: list[SendingShown]
    audit: list[AuditRecord]


class FieldNow(ResponseModel):
    """The value of a field in an entity's row, and the version that set it."""

    value: Any
    version: int


class EntityShown(ResponseModel):
    """The current row of the entity."""

    resource: str
    id: str
    visible: bool
    deleted: bool
    version: int
    updated_at: Moment | None
    fields: dict[str, FieldNow]


class OperationEnd(ResponseModel):
    """How an operation ended."""

    outcome: str
    code: str | None
    ended_at: Moment


class LetterDetail(LetterSummary):
    """A dead letter with all that is known of it. `lineage` is left out while the letter is only on the stream."""

    original: list[FieldShown]
    payload: Any
    undecodable: str | None
    attempts_made: list[Any]
    masked: bool
    entity: EntityShown | None
    operation: OperationEnd | None
    fix: BuildFix
    lineage: Lineage | None = None


class LettersOnStream(ResponseModel):
    """Dead letters read from their stream while the database does not answer."""

    letters: list[LetterSummary]
    waiting: Count
    banner: str
