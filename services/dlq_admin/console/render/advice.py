"""Advice: the headline of the home page, and the next step for a group. Pure."""

import json
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from holdfast.services.dlq_admin.away import silent
from holdfast.services.dlq_admin.console.render.labels import label
from holdfast.services.dlq_admin.console.render.moments import age_s, ago, lasting
from holdfast.services.dlq_admin.console.render.outage import outage
from holdfast.services.dlq_admin.letters.models import GroupSummary, GroupWhatIf
from holdfast.services.dlq_admin.letters.suggestion import Step, has_blank
from holdfast.services.dlq_admin.overview import SystemState
from holdfast.services.dlq_admin.replays.models import ReplaySummary
from holdfast.shared.letters.replays.plan import WAITING_FOR_A_PERSON, ReplayState
from holdfast.shared.letters.what_if.prediction import Prediction
from holdfast.shared.writes.ledger import balance
from holdfast.shared.writes.outcome import Reason

#: A dead letter younger than this (s) means that writes are being dead-lettered now.
_NOW_S = 120.0


class Advice(NamedTuple):
    """What to tell the operator. `tone`: as in labels. `step`: the button to offer first, a key of `STEPS`."""

    tone: str
    title: str
    says: str
    step: str = ""


#: Step -> the text of its button. An advice without a button has the step ''.
STEPS = {
    "what_if": "What if?",
    "transform": "Transform …",
    "preview": "Preview the repair",
    "replay": "Replay …",
    "letter": "Open a letter",
    "replays": "View the replay",
}
#: Verdicts under which a letter would be dead again.
_FAILING = (Prediction.STILL_FAILS, Prediction.UNDECODABLE)


def address(group: GroupSummary, step: str) -> str:
    """Return the address that a step's button leads to."""
    if step == "letter":
        return f"/console/letters/{group.last_id}"
    if step == "replays":
        replay = group.standing.replay_id if group.standing else None
        return f"/console/replays/{replay}" if replay else "/console/replays"
    page = {"what_if": "what-if", "replay": "replays/new"}.get(step, "transforms")
    asked = {"selection": json.dumps({"fingerprint": group.fingerprint})}
    return f"/console/{page}?{urlencode(asked | ({'act': 'preview'} if step == 'preview' else {}))}"


def at_a_glance(overview: SystemState, groups: Sequence[GroupSummary], replays: Sequence[ReplaySummary] = ()) -> Advice:
    """Return whether writes are being dead-lettered now, or would be if a writer had not halted. `replays`: those that
    have not ended."""
    writers = overview.writers or []
    halted = [one.halted for one in writers if one.halted]
    if halted:
        would = sum(halt.would_be_dead for halt in halted)
        return Advice(
            "bad",
            f"{len(halted)} of {len(writers)} writers halted",
            f"{would:,} entries would be dead-lettered; they are kept, and writes behind them wait.",
        )
    letters = overview.letters
    if letters is None:
        waiting = overview.waiting
        few = {None: "it is unknown how many wait", 0: "none waits", 1: "1 waits"}
        new = few.get(waiting) or f"{waiting:,} wait"
        return Advice("bad", "The database cannot be read", f"Dead letters are safe; {new} on their stream.")
    if not writers and overview.writers is not None:
        says = "Accepted writes are safe in the queue, and take effect when a writer runs."
        return Advice("bad", "No writer is running", says)
    dead, kinds = letters["dead"], letters["dying_groups"]
    away = ""
    if overview.partitions_away:
        away = silent(overview.partitions_away).capitalize() if overview.backlog else "The queue does not answer"
    if not dead:
        return _none_dead(overview, replays, away)
    wait = f"{dead:,} dead letter{'s wait' if dead > 1 else ' waits'} in {kinds:,} group{'s' if kinds > 1 else ''}"
    newest_s = min((age_s(group.last_seen) for group in groups), default=float("inf"))
    if newest_s < _NOW_S and overview.backlog is not None:
        return Advice(
            "bad", "Writes are being dead-lettered now", f"The last one {lasting(max(0.0, newest_s))} ago. {wait}."
        )
    quiet = f"The last one {lasting(newest_s)} ago." if groups else ""
    return Advice("warn", away or "Dead letters are waiting", f"{wait}. {quiet}")


def _none_dead(overview: SystemState, replays: Sequence[ReplaySummary], away: str) -> Advice:
    """Return the advice if no letter is dead. `away`: what part of the queue does not answer, or empty."""
    replaying = overview.letters["replaying"] if overview.letters else 0
    held = next((_held(one.id, one.state) for one in replays if one.state in WAITING_FOR_A_PERSON), "")
    more = held or (f"{replaying:,} are being sent again." if replaying else _accounted(overview))
    if away:
        return Advice("warn", away, more)
    ledger = overview.ledger
    if ledger is not None and ledger.missing:
        return Advice("bad", "The ledger does not balance", f"{balance(ledger.missing, ledger.accepted)}. {more}")
    if held:
        return Advice("warn", "Decide about the replay", held)
    return Advice("good" if outage(overview) is None else "warn", "No dead letters", more)


def _accounted(overview: SystemState) -> str:
    ledger = overview.ledger
    if ledger is not None and ledger.missing == 0:
        lost = f", {ledger.lost:,} of them as lost" if ledger.lost else ""
        return f"All {ledger.accepted:,} accepted writes, heartbeats included, are accounted for{lost}."
    return "No letter needs a decision."


def _held(replay_id: int | None, state: str) -> str:
    """Return what a replay in one of WAITING_FOR_A_PERSON waits for."""
    awaiting = state == ReplayState.AWAITING_APPROVAL
    until = "a second person approves it, or it is cancelled" if awaiting else "you resume or cancel it"
    return f"Replay {replay_id} is {label(state, 'replay').title}: nothing more is sent until {until}."


def next_step(group: GroupSummary) -> Advice:
    """Return what to do about a group now. What is happening to its letters takes precedence over what they failed
    with."""
    standing = group.standing
    if not group.counts["dead"]:
        if group.counts["replaying"]:
            if standing is not None and standing.replay_state in WAITING_FOR_A_PERSON:
                says = _held(standing.replay_id, standing.replay_state)
                return Advice("bad", "Decide about the replay", says, "replays")
            return Advice(
                "warn", "Wait for the replay", f"{_letters(group.counts['replaying'])} sent again.", "replays"
            )
        return Advice("good", "Nothing to decide", "No letter of this group is dead.")
    if standing is not None and standing.what_if is not None:
        return after_what_if(standing.what_if, standing.edited)
    if standing is not None and standing.edited:
        if standing.edited == standing.looked_at:
            return Advice(
                "good", "Run a what-if", "Every letter is edited; find out what would become of them.", "what_if"
            )
        says = f"{standing.edited:,} of the newest {standing.looked_at:,} letters are edited."
        return Advice("warn", "Run a what-if", says, "what_if")
    return _by_failure(group)


def after_what_if(known: GroupWhatIf, edited: int) -> Advice:
    """Return what to do with a group of which a what-if is known and `edited` letters are edited."""
    when, count = ago(known.at), known.count
    fails = sum(known.verdicts.get(verdict, 0) for verdict in _FAILING)
    if not fails:
        applied = known.verdicts.get(Prediction.WOULD_APPLY, 0)
        ends = f"all {count:,} would be applied" if applied == count else "each of them would come to an end"
        return Advice("good", "Replay them", f"A what-if {when} showed that {ends}.", "replay")
    if fails < count:
        says = f"A what-if {when} showed that {count - fails:,} of {count:,} would come to an end and the others fail."
        return Advice("warn", "See which would fail", says, "what_if")
    again = " as they are edited now" if edited else ""
    says = f"A what-if {when} showed that all {count:,} would fail again{again}."
    return Advice("warn", "Change them", says, "transform")


def _by_failure(group: GroupSummary) -> Advice:
    changed = group.fix.changed
    if group.reason == Reason.CRASH_LOOP and changed != "yes":
        return Advice("bad", "Find out why writers crash", "Read the attempts; do not replay yet.", "letter")
    if group.reason == Reason.UNDECODABLE and changed != "yes":
        return _undecodable(group.standing.suggested if group.standing else [])
    if changed == "yes":
        return Advice("good", "Run a what-if", "A new build is running and may have the fix.", "what_if")
    if changed == "partly":
        return Advice("warn", "Wait for the deploy", "Some writers still run a build that these failed on.", "what_if")
    return Advice("warn", "Run a what-if", "The build is the same, but data or schema may have changed.", "what_if")


def _undecodable(suggested: Sequence[Step]) -> Advice:
    if any(step["path"] == "/payload" for step in suggested):
        says = "The payload is not a JSON object, so it cannot be repaired here."
        return Advice("warn", "Ask the producer, then discard them", says, "letter")
    if suggested and not any(map(has_blank, suggested)):
        says = f"Suggested by the newest letter: {', '.join(map(_in_words, suggested))}."
        return Advice("warn", "A suggested patch may repair them", says, "preview")
    says = "No writer can decode them as they are."
    return Advice("warn", "Look at a letter, then edit it or transform all", says, "letter")


def _in_words(step: Step) -> str:
    path = step["path"].removeprefix("/payload").lstrip("/")
    match step["op"]:
        case "move":
            return f"rename {step['from'].removeprefix('/payload/')} -> {path}"
        case "remove":
            return f"remove {path}"
        case _:
            return f"{path} = {step['value']}"


def _letters(count: int) -> str:
    return f"{count:,} letter is being" if count == 1 else f"{count:,} letters are being"
