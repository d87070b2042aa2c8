"""Ways: how a dead letter, a replay's item and a replay leave each state. Tests hold the code and the diagrams to it.

No state is stuck: each state that waits names the event that ends the wait on its own, the time limit, and what an
operator may do meanwhile. A state at rest waits for nothing: either an operator decides, or nothing is left to decide.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from holdfast.shared.letters.replays.plan import LETTER_AFTER, RESULTS, ItemState, ReplayState
from holdfast.shared.letters.state import State


class Rest(StrEnum):
    """What is open about a state."""

    #: Something has to happen.
    WAITS = "waits"
    #: An operator may decide; nothing depends on it.
    DECISION = "decision"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Ways:
    """How a state is left. `by_itself`: the next state -> the event that leads there, and its time limit.
    `by_operator`: the words or calls."""

    rest: Rest
    by_itself: Mapping[Any, str] = field(default_factory=dict)
    by_operator: Collection[str] = ()


_R, _I = ReplayState, ItemState
_PATIENCE = "no operator acted for HOLDFAST_DLQ_REPLAY_WAIT_DAYS"
_NOTHING_LEFT = "every item is over: at the next look, within seconds"

LETTERS: Mapping[State, Ways] = {
    State.DEAD: Ways(Rest.DECISION, {}, ("edits", "replays", "discards")),
    State.DISCARDED: Ways(Rest.DECISION, {}, ("restores",)),
    State.REPLAYING: Ways(
        Rest.WAITS, {after: "its item is over" for after in LETTER_AFTER.values()}, ("cancel", "recall")
    ),
    **{LETTER_AFTER[result]: Ways(Rest.OVER) for result in RESULTS},
}

REPLAYS: Mapping[ReplayState, Ways] = {
    _R.AWAITING_APPROVAL: Ways(Rest.WAITS, {_R.CANCELLING: _PATIENCE}, ("approve", "cancel")),
    _R.RUNNING: Ways(
        Rest.WAITS,
        {_R.DONE: _NOTHING_LEFT, _R.STOPPED: "one of its stop rules: at the next look"},
        ("pause", "cancel", "recall"),
    ),
    _R.PAUSED: Ways(Rest.WAITS, {_R.DONE: _NOTHING_LEFT, _R.CANCELLING: _PATIENCE}, ("resume", "cancel", "recall")),
    _R.STOPPED: Ways(Rest.WAITS, {_R.DONE: _NOTHING_LEFT, _R.CANCELLING: _PATIENCE}, ("resume", "cancel", "recall")),
    _R.CANCELLING: Ways(Rest.WAITS, {_R.CANCELLED: _NOTHING_LEFT}, ("recall",)),
    # Only entries that a writer was given are left. Each is on the stream, where a writer has to end it, or is lost.
    _R.RECALLING: Ways(Rest.WAITS, {_R.RECALLED: _NOTHING_LEFT}, ("XDEL of its entries",)),
    _R.CANCELLED: Ways(Rest.OVER),
    _R.RECALLED: Ways(Rest.OVER),
    _R.DONE: Ways(Rest.OVER),
}

ITEMS: Mapping[ItemState, Ways] = {
    _I.WAITING: Ways(
        Rest.WAITS,
        {_I.SENDING: "its turn; see its replay", _I.WITHDRAWN: "its replay is cancelled"},
        ("cancel", "recall"),
    ),
    _I.SENDING: Ways(
        Rest.WAITS,
        {
            _I.SENT: "the queue says so",
            _I.WAITING: "the queue says that it was not",
            _I.WITHDRAWN: "the same, and its replay is cancelled",
            _I.UNSENDABLE: "it has too many fields",
        },
        ("cancel", "recall"),
    ),
    _I.SENT: Ways(
        Rest.WAITS,
        {result: "a row that its entry has left" for result in RESULTS}
        | {_I.RECALLED: "its replay is recalled", _I.LOST: "its entry is gone without a trace: within seconds"},
        ("recall", "XDEL of its entry"),
    ),
    **{state: Ways(Rest.OVER) for state in LETTER_AFTER},
}
