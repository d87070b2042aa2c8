"""State: where a dead letter stands. A closed set, and a public contract."""

from enum import StrEnum


class State(StrEnum):
    """`dead <-> discarded`; `dead -> replaying ->` how the replay ended."""

    DEAD = "dead"
    REPLAYING = "replaying"
    DISCARDED = "discarded"
    APPLIED = "applied"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    EXPIRED = "expired"
    #: Sent again and dead again: another letter of the same operation took its place.
    DEAD_AGAIN = "dead_again"
