"""Advice: what the home page says first, and what to do next about a group. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.services.dlq_admin.console.render.moments import age_s, lasting
from holdfast.services.dlq_admin.letters.models import GroupSummary
from holdfast.services.dlq_admin.overview import SystemState
from holdfast.shared.writes.outcome import Reason

#: A dead letter younger than this means that writes are being dead-lettered now.
_NOW_S = 120.0


class Advice(NamedTuple):
    """`tone` as in labels; `step`: which button to offer first (`what_if`, `letters`, `edit`)."""

    tone: str
    title: str
    says: str
    step: str = ""


def at_a_glance(overview: SystemState, groups: Sequence[GroupSummary]) -> Advice:
    """Whether writes are being dead-lettered now, or would be if a writer had not halted."""
    halted = [one.halted for one in overview.writers if one.halted]
    if halted:
        would = sum(halt.would_be_dead for halt in halted)
        return Advice(
            "bad",
            f"{len(halted)} of {len(overview.writers)} writers halted",
            f"{would:,} entries would be dead-lettered; they are kept, and writes behind them wait.",
        )
    letters = overview.letters
    if letters is None:
        waiting = overview.waiting
        lost = "the number of dead letters is unknown" if waiting is None else f"{waiting:,} are on the stream"
        return Advice("bad", "The database does not answer", f"Dead letters are safe on their stream; {lost}.")
    dead, kinds = letters["dead"], letters["dying_groups"]
    if not dead:
        more = f"{letters['replaying']:,} are being sent again." if letters["replaying"] else _accounted(overview)
        return Advice("good", "No dead letters", more)
    wait = f"{dead:,} dead letter{'s wait' if dead > 1 else ' waits'} in {kinds:,} group{'s' if kinds > 1 else ''}"
    newest_s = min((age_s(group.last_seen) for group in groups), default=float("inf"))
    if newest_s < _NOW_S:
        return Advice(
            "bad", "Writes are being dead-lettered now", f"The last one {lasting(max(0.0, newest_s))} ago. {wait}."
        )
    quiet = f"The last one {lasting(newest_s)} ago." if groups else ""
    return Advice("warn", "Dead letters are waiting", f"{wait}. {quiet}")


def _accounted(overview: SystemState) -> str:
    ledger = overview.ledger
    if ledger is not None and ledger.missing == 0:
        return f"All {ledger.accepted:,} accepted writes are accounted for."
    return "No letter needs a decision."


def next_step(group: GroupSummary) -> Advice:
    """What to do about a group now."""
    if not group.counts["dead"]:
        return Advice("good", "Nothing to decide", "No letter of this group is dead.")
    changed = group.fix.changed
    if group.reason == Reason.CRASH_LOOP and changed != "yes":
        return Advice("bad", "Find out why writers crash", "Read the attempts; do not replay yet.", "letters")
    if group.reason == Reason.UNDECODABLE and changed != "yes":
        return Advice(
            "warn", "Inspect a letter, then edit or transform", "No writer can decode them as they are.", "letters"
        )
    if changed == "yes":
        return Advice("good", "Run a what-if", "A new build is running and may have the fix.", "what_if")
    if changed == "partly":
        return Advice("warn", "Wait for the deploy", "Some writers still run a build that these failed on.", "what_if")
    return Advice("warn", "Run a what-if", "The build is the same, but data or schema may have changed.", "what_if")
