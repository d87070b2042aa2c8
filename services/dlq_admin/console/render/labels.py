"""Words: what the closed sets mean, for people: a title, a tone (`bad`, `warn`, `good`, `calm`), a sentence. Pure."""

from typing import Any, NamedTuple

from holdfast.shared.letters.replays.plan import ItemState, ReplayState
from holdfast.shared.letters.state import State
from holdfast.shared.letters.what_if.verdict import Verdict
from holdfast.shared.writes.outcome import Reason


class Word(NamedTuple):
    """How something is called."""

    title: str
    tone: str
    says: str


STATES = {
    State.DEAD: Word("dead", "bad", "Waits for a decision."),
    State.REPLAYING: Word("replaying", "warn", "Part of a replay that is not over."),
    State.DISCARDED: Word("discarded", "calm", "Its write will not happen, unless it is restored."),
    State.APPLIED: Word("applied", "good", "Sent again, and applied."),
    State.DUPLICATE: Word("duplicate", "good", "Sent again; its operation had ended already."),
    State.SUPERSEDED: Word("superseded", "calm", "Sent again; newer writes had set everything it sets."),
    State.REJECTED: Word("rejected", "warn", "Sent again, and refused for good."),
    State.EXPIRED: Word("expired", "warn", "Sent again, too late for its client."),
    State.DEAD_AGAIN: Word("dead again", "bad", "Sent again and dead again: a newer letter took its place."),
}
REASONS = {
    Reason.UNDECODABLE: Word("cannot be read", "bad", "No writer understands the entry: its form is not what it"
                             " should be. Sending it again as it is changes nothing; edit it, or send it to a build"
                             " that understands it."),
    Reason.INVALID_DATA: Word("refused by the database", "bad", "The database refuses the data: a value that does not"
                              " fit, a rule that it breaks. Change the data, or the schema, then send it again."),
    Reason.ATTEMPTS_EXHAUSTED: Word("failed too often", "bad", "It failed again and again for a reason that nobody"
                                    " named. Read the traceback: most likely it is a bug of ours."),
    Reason.CRASH_LOOP: Word("kills its writer", "bad", "Writers died while they handled it. Do not send it again"
                            " before the cause is understood."),
    Reason.TOO_OLD: Word("older than what is kept", "bad", "Whether it was applied is no longer known, so it never will"
                         " be. If its change is still wanted, make it as a new write; then discard it."),
}  # fmt: skip
VERDICTS = {
    Verdict.WOULD_APPLY: Word("would apply", "good", "Sent again now, it would be applied."),
    Verdict.ALREADY_APPLIED: Word("already applied", "good", "Its operation has ended; sending it changes nothing."),
    Verdict.SUPERSEDED: Word("superseded", "calm", "The row is newer in all that this write sets."),
    Verdict.REJECTED: Word("would be rejected", "warn", "It would be refused for good, and be over."),
    Verdict.WOULD_WAIT: Word("would wait", "warn", "An earlier write of the same entity is not over."),
    Verdict.STILL_FAILS: Word("still fails", "bad", "It would be dead again."),
    Verdict.UNDECODABLE: Word("cannot be read", "bad", "No writer would understand it: edit it first."),
}
ITEMS = {
    ItemState.WAITING: Word("not sent yet", "calm", ""),
    ItemState.SENDING: Word("being sent", "warn", ""),
    ItemState.SENT: Word("in flight", "warn", ""),
    ItemState.APPLIED: Word("applied", "good", ""),
    ItemState.DUPLICATE: Word("duplicate", "good", ""),
    ItemState.SUPERSEDED: Word("superseded", "calm", ""),
    ItemState.REJECTED: Word("rejected", "warn", ""),
    ItemState.EXPIRED: Word("expired", "warn", ""),
    ItemState.FAILED_SAME: Word("failed the same", "bad", ""),
    ItemState.FAILED_DIFFERENTLY: Word("failed differently", "bad", ""),
    ItemState.RECALLED: Word("recalled", "calm", ""),
    ItemState.WITHDRAWN: Word("never sent", "calm", ""),
    ItemState.UNSENDABLE: Word("cannot be sent", "bad", ""),
    ItemState.LOST: Word("lost", "bad", ""),
}
REPLAYS = {
    ReplayState.AWAITING_APPROVAL: Word("waits for a second person", "warn", "It is large: somebody else has to"
                                        " approve it before anything is sent."),
    ReplayState.RUNNING: Word("running", "warn", "Letters are being sent."),
    ReplayState.PAUSED: Word("paused", "calm", "Nothing more is sent until somebody resumes it."),
    ReplayState.STOPPED: Word("stopped by itself", "bad", "Nothing more is sent until somebody resumes it."),
    ReplayState.CANCELLING: Word("being cancelled", "warn", "No more is sent; what is on its way is waited for."),
    ReplayState.RECALLING: Word("being recalled", "warn", "What no writer has been given yet is taken back."),
    ReplayState.CANCELLED: Word("cancelled", "calm", "What was not sent is dead as before."),
    ReplayState.RECALLED: Word("recalled", "calm", "What was taken back is dead as before."),
    ReplayState.DONE: Word("done", "good", "Every letter has an outcome."),
}  # fmt: skip
_SETS: dict[str, dict[Any, Word]] = {
    "state": dict(STATES), "reason": dict(REASONS), "verdict": dict(VERDICTS), "item": dict(ITEMS),
    "replay": dict(REPLAYS),
}  # fmt: skip


def word(value: str, kind: str) -> Word:
    """Of a value of the set `kind`; what a newer build may have added stands for itself."""
    return _SETS[kind].get(value) or Word(value.replace("_", " "), "calm", "")
