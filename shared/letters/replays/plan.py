"""Plan: the states and the plan of a replay, which is a bounded, paced, recorded instruction to send dead letters
again.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from holdfast.shared.letters.state import State


class ReplayState(StrEnum):
    """The state of a replay. The states are a public contract."""

    AWAITING_APPROVAL = "awaiting_approval"
    RUNNING = "running"
    PAUSED = "paused"
    #: The replay stopped itself, for the reason in `state_reason`. An operator may resume it.
    STOPPED = "stopped"
    #: No more letters are sent; the replay waits for the items in flight.
    CANCELLING = "cancelling"
    #: No more letters are sent, and entries that were not delivered to a writer yet are taken back.
    RECALLING = "recalling"
    CANCELLED = "cancelled"
    RECALLED = "recalled"
    DONE = "done"


#: Replays that need a driver.
ACTIVE = (ReplayState.RUNNING, ReplayState.PAUSED, ReplayState.STOPPED, ReplayState.CANCELLING, ReplayState.RECALLING)
#: Replays that send nothing more until an operator acts.
WAITING_FOR_A_PERSON = (ReplayState.AWAITING_APPROVAL, ReplayState.PAUSED, ReplayState.STOPPED)
#: The state in which a replay ends if no item is left; any other replay ends as DONE.
END = {ReplayState.CANCELLING: ReplayState.CANCELLED, ReplayState.RECALLING: ReplayState.RECALLED}


class ItemState(StrEnum):
    """The state of one letter of a replay. The states are a public contract."""

    WAITING = "waiting"
    #: Marked to be sent. Only the queue knows whether it was sent.
    SENDING = "sending"
    #: In flight: on the write stream, or being handled.
    SENT = "sent"
    APPLIED = "applied"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    EXPIRED = "expired"
    #: Dead-lettered again, with the same fingerprint.
    FAILED_SAME = "failed_same"
    FAILED_DIFFERENTLY = "failed_differently"
    #: Taken back from the stream before it was delivered to a writer.
    RECALLED = "recalled"
    #: Never sent, because the replay was cancelled before.
    WITHDRAWN = "withdrawn"
    #: The letter cannot be put on the stream as it is.
    UNSENDABLE = "unsendable"
    #: The entry is gone and no store has a trace of it: it had no effect, and the letter may safely be sent again.
    LOST = "lost"


#: The state of an item that is over -> the state of its letter.
LETTER_AFTER = {
    ItemState.APPLIED: State.APPLIED,
    ItemState.DUPLICATE: State.DUPLICATE,
    ItemState.SUPERSEDED: State.SUPERSEDED,
    ItemState.REJECTED: State.REJECTED,
    ItemState.EXPIRED: State.EXPIRED,
    ItemState.FAILED_SAME: State.DEAD_AGAIN,
    ItemState.FAILED_DIFFERENTLY: State.DEAD_AGAIN,
    ItemState.RECALLED: State.DEAD,
    ItemState.WITHDRAWN: State.DEAD,
    ItemState.UNSENDABLE: State.DEAD,
    ItemState.LOST: State.DEAD,
}
#: The states of items that a writer has ended.
RESULTS = (
    ItemState.APPLIED,
    ItemState.DUPLICATE,
    ItemState.SUPERSEDED,
    ItemState.REJECTED,
    ItemState.EXPIRED,
    ItemState.FAILED_SAME,
    ItemState.FAILED_DIFFERENTLY,
)


@dataclass(frozen=True, slots=True)
class StopRules:
    """The limits at which a replay stops itself."""

    #: The share of the results since the start or resume that failed in the same way again.
    failing_share: float = 0.2
    #: Entries that wait on the write stream, without this replay's own.
    backlog_max: int = 20_000
    #: Age of the oldest entry on the write stream, in seconds.
    backlog_age_s: float = 30.0
    #: Whether an open breaker of a writer's database stops the replay.
    breaker: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings with which a replay is sent."""

    rate_per_s: float = 500.0
    #: The sizes of the first steps, each of which waits for all its results; then the rate applies.
    canary: tuple[int, ...] = (1, 5, 25)
    #: Most items in flight, so that the queue stays short for live traffic.
    in_flight_max: int = 2000
    stop: StopRules = StopRules()

    def to_json(self) -> dict[str, Any]:
        """Return the plan for a record."""
        return asdict(self)


def plan_from(recorded: dict[str, Any]) -> Plan:
    """Return the plan of a record."""
    return Plan(
        recorded["rate_per_s"], tuple(recorded["canary"]), recorded["in_flight_max"], StopRules(**recorded["stop"])
    )


class Counts(dict[ItemState, int]):
    """The number of items in each state. Absent states are 0."""

    def __missing__(self, state: ItemState) -> int:
        return 0

    @property
    def sent(self) -> int:
        """The number of items that were ever put on the stream or are about to be."""
        return self.in_flight + self.ended

    @property
    def in_flight(self) -> int:
        """The number of items that are on the stream or about to be, and are not over."""
        return self[ItemState.SENT] + self[ItemState.SENDING]

    @property
    def finished(self) -> int:
        """The number of items that a writer has ended."""
        return sum(self[state] for state in RESULTS)

    @property
    def ended(self) -> int:
        """The number of items that were put on the stream and are over."""
        return self.finished + self[ItemState.RECALLED] + self[ItemState.LOST]

    @property
    def unfinished(self) -> int:
        """The number of items that are not over, sent or not."""
        return self.in_flight + self[ItemState.WAITING]
