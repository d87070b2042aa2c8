"""Replay: a bounded, paced, recorded instruction to send dead letters again. Its states and its plan."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from holdfast.shared.letters.state import State


class ReplayState(StrEnum):
    """Where a replay stands. A public contract."""

    AWAITING_APPROVAL = "awaiting_approval"
    RUNNING = "running"
    PAUSED = "paused"
    #: By itself: `state_reason` says why. An operator may resume it.
    STOPPED = "stopped"
    #: No more is sent; what is on its way is waited for.
    CANCELLING = "cancelling"
    #: The same, and what no writer has been given yet is taken back.
    RECALLING = "recalling"
    CANCELLED = "cancelled"
    RECALLED = "recalled"
    DONE = "done"


#: Replays that need a driver.
ACTIVE = (ReplayState.RUNNING, ReplayState.PAUSED, ReplayState.STOPPED, ReplayState.CANCELLING, ReplayState.RECALLING)
#: Nothing more is sent until an operator acts.
WAITING_FOR_A_PERSON = (ReplayState.AWAITING_APPROVAL, ReplayState.PAUSED, ReplayState.STOPPED)
#: How each ends when nothing is left to send or to wait for.
END = {ReplayState.CANCELLING: ReplayState.CANCELLED, ReplayState.RECALLING: ReplayState.RECALLED}


class ItemState(StrEnum):
    """Where one letter of a replay stands. A public contract."""

    WAITING = "waiting"
    #: Meant to be sent: it is, or it will be, or the queue says that it was not.
    SENDING = "sending"
    #: On the write stream, or being handled: still in flight.
    SENT = "sent"
    APPLIED = "applied"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    EXPIRED = "expired"
    #: Dead again, with the fingerprint it had.
    FAILED_SAME = "failed_same"
    FAILED_DIFFERENTLY = "failed_differently"
    #: Taken back from the stream before a writer was given it.
    RECALLED = "recalled"
    #: Never sent: the replay was cancelled before.
    WITHDRAWN = "withdrawn"
    #: It cannot be put on the stream as it is.
    UNSENDABLE = "unsendable"
    #: Its entry is gone and no store has a trace of it: it had no effect, and sending it again is safe.
    LOST = "lost"


#: An item that is over, and what its letter is then.
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
#: Those that a writer has ended.
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
    """When a replay stops by itself."""

    #: Of the results since it was started or resumed: the share that failed the same way again.
    failing_share: float = 0.2
    #: Entries that wait on the write stream, this replay's own aside.
    backlog_max: int = 20_000
    #: Age of the oldest entry on the write stream.
    backlog_age_s: float = 30.0
    #: Whether an open breaker of a writer's database stops it.
    breaker: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """How it is sent."""

    rate_per_s: float = 500.0
    #: So many first, each time waiting for all results; then the rate.
    canary: tuple[int, ...] = (1, 5, 25)
    #: Sent and not over, at most: the queue stays short for live traffic.
    in_flight_max: int = 2000
    stop: StopRules = StopRules()

    def to_json(self) -> dict[str, Any]:
        """For a record."""
        return asdict(self)


def plan_from(recorded: dict[str, Any]) -> Plan:
    """Of a record."""
    return Plan(
        recorded["rate_per_s"], tuple(recorded["canary"]), recorded["in_flight_max"], StopRules(**recorded["stop"])
    )


class Counts(dict[ItemState, int]):
    """How many items are in each state; absent states are 0."""

    def __missing__(self, state: ItemState) -> int:
        return 0

    @property
    def sent(self) -> int:
        """Ever put on the stream, or about to be."""
        return self.in_flight + self.finished + self[ItemState.RECALLED] + self[ItemState.LOST]

    @property
    def in_flight(self) -> int:
        """Put on the stream, or about to be, and not over."""
        return self[ItemState.SENT] + self[ItemState.SENDING]

    @property
    def finished(self) -> int:
        """Ended by a writer."""
        return sum(self[state] for state in RESULTS)

    @property
    def unfinished(self) -> int:
        """Not over, sent or not."""
        return self.in_flight + self[ItemState.WAITING]
