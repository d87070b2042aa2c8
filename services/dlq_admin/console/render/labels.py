"""Labels: the meaning of the values of closed sets, for people: a title, a tone, a sentence. Pure."""

from typing import Any, NamedTuple

from holdfast.shared.http.failures.group import Trouble
from holdfast.shared.letters.audit.entries import AuditAction
from holdfast.shared.letters.replays.plan import ItemState, ReplayState
from holdfast.shared.letters.state import State
from holdfast.shared.letters.what_if.prediction import Prediction
from holdfast.shared.writes.epoch import Cause
from holdfast.shared.writes.outcome import Reason


class Label(NamedTuple):
    """The meaning of a value. `tone`: bad, warn, good or calm. `undo`: for an action, why it can no longer be
    undone."""

    title: str
    tone: str
    says: str
    undo: str = ""


STATES = {
    State.DEAD: Label("dead", "bad", "Needs a decision."),
    State.REPLAYING: Label("replaying", "warn", "Part of a replay that is not finished."),
    State.DISCARDED: Label("discarded", "calm", "Its write will not be applied unless the letter is restored."),
    State.APPLIED: Label("applied", "good", "Sent again and applied."),
    State.DUPLICATE: Label("duplicate", "good", "Sent again; its operation had already ended."),
    State.SUPERSEDED: Label("superseded", "calm", "Sent again; newer writes had set every field it sets."),
    State.REJECTED: Label("rejected", "warn", "Sent again and rejected."),
    State.EXPIRED: Label("expired", "warn", "Sent again after its client's deadline."),
    State.DEAD_AGAIN: Label("dead again", "bad", "Sent again and dead-lettered again: a newer letter replaces it."),
}
REASONS = {
    Reason.UNDECODABLE: Label(
        "cannot be decoded",
        "bad",
        "No writer can decode the entry. A plain replay changes nothing: edit it, or deploy a build that decodes it.",
    ),
    Reason.INVALID_DATA: Label(
        "refused by the database",
        "bad",
        "The database refuses the data: a value does not fit or breaks a constraint. Change the data or the schema,"
        " then replay.",
    ),
    Reason.ATTEMPTS_EXHAUSTED: Label(
        "failed too often",
        "bad",
        "Every attempt failed for an unknown reason. Read the traceback: most likely it is a bug in Holdfast.",
    ),
    Reason.CRASH_LOOP: Label(
        "crashes its writer",
        "bad",
        "Writers crashed while handling it. Do not replay it before the cause is understood.",
    ),
    Reason.TOO_OLD: Label(
        "older than the history",
        "bad",
        "Whether it was applied is no longer known, so it is never applied. If the change is still wanted, make it as a"
        " new write; then discard the letter.",
    ),
}
VERDICTS = {
    Prediction.WOULD_APPLY: Label("would apply", "good", "Sent again now, it would be applied."),
    Prediction.ALREADY_APPLIED: Label("already applied", "good", "Its operation has ended; a replay changes nothing."),
    Prediction.SUPERSEDED: Label("superseded", "calm", "The row is newer in every field that this write sets."),
    Prediction.REJECTED: Label("would be rejected", "warn", "Sent again now, it would be rejected."),
    Prediction.WOULD_WAIT: Label("would wait", "warn", "An earlier write of the same entity is not finished."),
    Prediction.STILL_FAILS: Label("still fails", "bad", "It would be dead-lettered again."),
    Prediction.UNDECODABLE: Label("cannot be decoded", "bad", "No writer could decode it: edit it first."),
}
ITEMS = {
    ItemState.WAITING: Label("not sent yet", "calm", ""),
    ItemState.SENDING: Label("being sent", "warn", ""),
    ItemState.SENT: Label("in flight", "warn", ""),
    ItemState.APPLIED: Label("applied", "good", ""),
    ItemState.DUPLICATE: Label("duplicate", "good", ""),
    ItemState.SUPERSEDED: Label("superseded", "calm", ""),
    ItemState.REJECTED: Label("rejected", "warn", ""),
    ItemState.EXPIRED: Label("expired", "warn", ""),
    ItemState.FAILED_SAME: Label("failed the same way", "bad", ""),
    ItemState.FAILED_DIFFERENTLY: Label("failed differently", "bad", ""),
    ItemState.RECALLED: Label("recalled", "calm", ""),
    ItemState.WITHDRAWN: Label("never sent", "calm", ""),
    ItemState.UNSENDABLE: Label("cannot be sent", "bad", ""),
    ItemState.LOST: Label("lost", "bad", ""),
}
REPLAYS = {
    ReplayState.AWAITING_APPROVAL: Label(
        "awaiting approval", "warn", "It is large: a second person must approve it before anything is sent."
    ),
    ReplayState.RUNNING: Label("running", "warn", "Letters are being sent."),
    ReplayState.PAUSED: Label("paused", "calm", "Nothing is sent until an operator resumes it."),
    ReplayState.STOPPED: Label("stopped", "bad", "A stop condition was met. Nothing is sent until it is resumed."),
    ReplayState.CANCELLING: Label("being cancelled", "warn", "Nothing more is sent; entries in flight are awaited."),
    ReplayState.RECALLING: Label("being recalled", "warn", "Entries that no writer has are taken back."),
    ReplayState.CANCELLED: Label("cancelled", "calm", "Letters that were not sent are dead as before."),
    ReplayState.RECALLED: Label("recalled", "calm", "Letters that were taken back are dead as before."),
    ReplayState.DONE: Label("done", "good", "Every letter has an outcome."),
}
TROUBLES = {
    Trouble.FAILED: Label("failed", "bad", "An error that is ours."),
    Trouble.REFUSED: Label("refused", "warn", "Refused on purpose, to be sent again later."),
    Trouble.DEGRADED: Label("degraded", "warn", "From a copy, or by a path that is not the usual one."),
    Trouble.LATE: Label("late", "warn", "Good, but it took more than a second."),
    Trouble.MISTAKE: Label("mistake", "calm", "An error that is the caller's own."),
    Trouble.ABANDONED: Label("abandoned", "calm", "The caller left before the answer."),
}
EPOCHS = {
    Cause.FIRST: Label("was seen for the first time", "calm", ""),
    Cause.EMPTIED: Label("was emptied", "bad", ""),
    Cause.WENT_BACK: Label("went back to an earlier state", "bad", ""),
    Cause.MOVED: Label("moved to another server, or started again", "calm", ""),
}
#: What an order to a replay does.
ORDERS = {
    "pause": "Nothing more is sent until it is resumed; entries in flight come to their end.",
    "resume": "It goes on where it stopped.",
    "approve": "It begins to send.",
    "cancel": "Nothing more is sent, and what was not sent is dead as before. Entries in flight come to their end.",
    "recall": "The same, and what no writer has yet is taken back from the queue: those letters are dead again.",
}
_SINCE = "Nothing is left to undo: the letters were changed, sent or discarded since."
ACTIONS = {
    AuditAction.DISCARD: Label(
        "discarded", "calm", "Their writes will not be applied, unless they are restored.", _SINCE
    ),
    AuditAction.RESTORE: Label("restored", "calm", "They are dead letters again, and wait for a decision.", _SINCE),
    AuditAction.NOTE: Label("noted", "calm", "A note on a group. The entries before it have what it said before."),
    AuditAction.REVEAL: Label("revealed", "calm", "Personal data was shown unmasked."),
    AuditAction.SEARCH: Label("found", "calm", "Masked values of payloads were searched. These letters were found."),
    AuditAction.EXPORT: Label("exported", "calm", "Letters were downloaded unmasked."),
    AuditAction.IMPORT: Label("imported", "calm", "Letters of a file are in the index.", _SINCE),
    AuditAction.PURGE: Label("purged", "calm", "Letters were removed by retention.", "What was removed is gone."),
    AuditAction.EDIT: Label("edited", "calm", "Edited, not sent yet: a replay sends it as edited.", _SINCE),
    AuditAction.REVERT: Label(
        "taken back to what they were", "calm", "A replay sends the letters as they were before the change.", _SINCE
    ),
    AuditAction.TRANSFORM: Label(
        "transformed", "calm", "Edited, not sent yet: a replay sends the letters as the patch has left them.", _SINCE
    ),
    AuditAction.REPLAY: Label("to be replayed", "calm", "As long as it runs, a replay can be cancelled or recalled."),
    AuditAction.PAUSE: Label("kept from being sent", "calm", "The replay was paused."),
    AuditAction.RESUME: Label("to be sent after all", "calm", "The replay was resumed."),
    AuditAction.CANCEL: Label("not to be sent", "calm", "The replay was cancelled. Replay the letters that it left."),
    AuditAction.RECALL: Label("to be taken back", "calm", "The replay was recalled. Replay the letters that it left."),
    AuditAction.APPROVE: Label("approved to be sent", "calm", "The replay can be cancelled or recalled while it runs."),
    AuditAction.ALLOW: Label("allowed to be changed", "calm", "It lasts for the length of the window."),
    AuditAction.GO_ON: Label("writers resumed", "calm", "What fails then is dead-lettered, and can be replayed."),
}
_SETS: dict[str, dict[Any, Label]] = {
    "state": dict(STATES), "reason": dict(REASONS), "verdict": dict(VERDICTS), "item": dict(ITEMS),
    "replay": dict(REPLAYS), "trouble": dict(TROUBLES), "action": dict(ACTIONS), "epoch": dict(EPOCHS),
}  # fmt: skip


def label(value: str, kind: str) -> Label:
    """Return the label of a value of the set `kind`. A value of a newer build is shown unchanged."""
    return _SETS[kind].get(value) or Label(value.replace("_", " "), "calm", "")
