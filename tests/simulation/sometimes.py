"""Sometimes: events that have to happen now and then over a run of seeds. A promise is not tested by runs in which
nothing happened; then the verdict is unknown."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Sometimes(NamedTuple):
    """An event that should happen. `seen`: a count of any of these shows that it did."""

    name: str
    seen: tuple[str, ...]


def _outcome(name: str) -> str:
    return f"metric:holdfast_outcomes_total {name}"


#: Counts come from `metric:NAME label…` (counters of all processes), `answer:CODE or status`, `ended:effect or CODE`,
#: `fault:kind`, `claim:what befell it`, `model:event`, `cluster:first word of a refusal` and `replay:state of an item`.
SOMETIMES = (
    Sometimes("a write was queued", ("answer:202",)),
    Sometimes("a write went straight to the database", ("answer:direct",)),
    Sometimes("a repeated request got its first answer", ("metric:holdfast_writes_accepted_total repeated",)),
    Sometimes("a key came again with another body", ("answer:IDEMPOTENCY_KEY_REUSED",)),
    Sometimes("a repeated request met the first one under way", ("answer:REQUEST_IN_PROGRESS",)),
    Sometimes("acceptance stayed unknown", ("answer:ACCEPTANCE_UNKNOWN",)),
    Sometimes("an address was taken", ("answer:EMAIL_TAKEN", "ended:EMAIL_TAKEN")),
    Sometimes("a claim was swept before its write was accepted", ("claim:swept before its acceptance",)),
    Sometimes("a condition failed", ("answer:PRECONDITION_FAILED", "ended:PRECONDITION_FAILED")),
    Sometimes("a write came too late", ("ended:WRITE_EXPIRED",)),
    Sometimes("no store took a write, definitely", ("answer:WRITES_UNAVAILABLE",)),
    Sometimes("one store alone was down", ("alone:database", "alone:queue", "alone:cache")),
    Sometimes("a caller got no answer", ("answer:none",)),
    Sometimes("a copy was served", ("metric:holdfast_fallback_served_total",)),
    Sometimes("a write was delivered twice", (_outcome("Duplicate"),)),
    Sometimes("a write was superseded", (_outcome("Superseded"), "ended:superseded")),
    Sometimes("a write was rejected", (_outcome("Rejected"),)),
    Sometimes("a write was tried again", (_outcome("Retry"),)),
    Sometimes("a write died", (_outcome("Dead"),)),
    Sometimes("a breaker opened", ("metric:holdfast_breaker_transitions_total open",)),
    Sometimes("a breaker closed again", ("metric:holdfast_breaker_transitions_total closed",)),
    Sometimes("a breaker refused a call", ("metric:holdfast_breaker_refused_calls_total",)),
    Sometimes("a retry was paid for", ("metric:holdfast_retries_total",)),
    Sometimes("another writer's entries were reclaimed", ("metric:holdfast_reclaimed_entries_total",)),
    Sometimes("an orphan was adopted", ("metric:holdfast_orphans_total",)),
    Sometimes("a reading loop was restarted", ("metric:holdfast_consumer_restarts_total",)),
    Sometimes("a consumer group was made again", ("metric:holdfast_groups_recreated_total",)),
    Sometimes("a writer held its work in an outage", ("log:batch_held",)),
    Sometimes("a control write failed", ("log:control_write_failed",)),
    Sometimes("a batch was split to find the entry that fails", ("log:batch_split",)),
    Sometimes("a writer stopped dead-lettering", ("log:writer_halted",)),
    Sometimes("a commit took effect and its answer was lost", ("model:commit applied, answer lost",)),
    Sometimes("a commit was lost before it took effect", ("model:commit lost",)),
    Sometimes("a transaction was a deadlock's victim", ("model:deadlock",)),
    Sometimes("a writer died between commit and acknowledgement", ("fault:kill_at_commit",)),
    Sometimes("the third party's data was fresh", ("external:ok",)),
    Sometimes("a copy of it was shown", ("external:copy",)),
    Sometimes("a call of the third party was tried again", ("metric:holdfast_attempts_total third_party again",)),
    Sometimes("a call was not tried again: its budget was used up",
              ("metric:holdfast_retries_suppressed_total third_party budget",)),
    Sometimes("an unsafe call was not tried again", ("metric:holdfast_retries_suppressed_total third_party unsafe",)),
    Sometimes("what a call did stayed unknown", ("answer:UPSTREAM_OUTCOME_UNKNOWN",)),
    Sometimes("the third party asked to wait", ("answer:UPSTREAM_THROTTLED",)),
    Sometimes("the third party answered with something else", ("answer:UPSTREAM_INVALID_ANSWER",)),
    Sometimes("the third party did not answer in time", ("answer:UPSTREAM_TIMEOUT",)),
    Sometimes("too many calls of the third party at once", ("answer:EXTERNAL_PROXY_BUSY",)),
    Sometimes("the third party's breaker opened",
              ("metric:holdfast_breaker_transitions_total third-party:8099 read open",)),
    Sometimes("the third party's breaker closed again",
              ("metric:holdfast_breaker_transitions_total third-party:8099 read closed",)),
    Sometimes("external_proxy was not there", ("answer:EXTERNAL_PROXY_UNAVAILABLE",)),
    Sometimes("a replica was missing, and the database took the write",
              ("metric:holdfast_breaker_transitions_total queue_replicas open",)),
    Sometimes("the queue failed over to its replica", ("fault:failover", "fault:split")),
    Sometimes("somebody went on with the old primary", ("fault:split",)),
    Sometimes("the database's node lost its quorum", ("fault:no_quorum",)),
    Sometimes("a node of the database was behind", ("fault:behind",)),
    Sometimes("a writer was of an older build", ("fault:older_build",)),
    Sometimes("a writer did not know a write", ("log:write_unknown",)),
    Sometimes("a slot of the queue moved", ("fault:move_slot",)),
    Sometimes("a server had not all keys of a slot that moved", ("cluster:TRYAGAIN", "cluster:ASK")),
    Sometimes("a server had given a slot away", ("cluster:MOVED",)),
    Sometimes("the queue lost acknowledged writes", ("fault:wipe", "fault:lose_last")),
    Sometimes("an epoch of the queue began", ("log:queue_epoch_began",)),
    Sometimes("the ledger named what was lost", ("ledger:lost",)),
    Sometimes("an operation was named as lost", ("operation:lost",)),
    Sometimes("a dead letter was indexed", ("metric:holdfast_letters_indexed_total",)),
    Sometimes("a dead letter was sent again", ("metric:holdfast_replay_sent_total",)),
    Sometimes("a replayed letter was applied", ("replay:applied",)),
    Sometimes("a replayed letter died again", ("replay:failed_same", "replay:failed_differently")),
    Sometimes("a recall came in time", ("replay:recalled",)),
    Sometimes("a recall came too late", ("replay:sent before a recall",)),
    Sometimes("a replay stopped by itself", ("log:replay_stopped",)),
    Sometimes("another replica went on with a replay", ("log:replay_taken",)),
    Sometimes("operators met: a selection had changed", ("answer:COUNT_MISMATCH",)),
    Sometimes("operators met: a letter was not dead any more", ("answer:LETTER_NOT_DEAD",)),
)  # fmt: skip


@dataclass
class Census:
    """The number of each event, over several runs."""

    counts: Counter[str] = field(default_factory=Counter)
    #: Number of runs in which each event happened.
    runs: Counter[str] = field(default_factory=Counter)

    def add(self, seen: Mapping[str, int]) -> None:
        """Add the counts of one run."""
        for one in SOMETIMES:
            count = sum(many for name, many in seen.items() if any(_is(name, wanted) for wanted in one.seen))
            self.counts[one.name] += count
            self.runs[one.name] += bool(count)

    @property
    def never(self) -> list[str]:
        """The events that never happened."""
        return [one.name for one in SOMETIMES if not self.counts[one.name]]

    def lines(self) -> list[str]:
        """Return the counts as lines for a person."""
        return [f"{self.counts[one.name]:>9}  in {self.runs[one.name]:>6} runs  {one.name}" for one in SOMETIMES]


def _is(name: str, wanted: str) -> bool:
    """Return whether a count belongs to a name: every word of the name has to be in it, so `metric:a_total open` also
    counts `metric:a_total writer open`."""
    return (
        name == wanted or set(wanted.split()) <= set(name.split()) if wanted.startswith("metric:") else name == wanted
    )
