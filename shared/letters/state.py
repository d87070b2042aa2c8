"""State: the state of a dead letter. The set is closed, and a public contract."""

from enum import StrEnum


class State(StrEnum):
    """The state of a dead letter: `dead <-> discarded`; `dead -> replaying ->` the result of the replay."""

    DEAD = "dead"
    REPLAYING = "replaying"
    DISCARDED = "discarded"
    APPLIED = "applied"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    EXPIRED = "expired"
    #: The letter was replayed and its entry dead-lettered again: another letter of the same operation took its place.
    DEAD_AGAIN = "dead_again"
