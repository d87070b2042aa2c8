"""Cell: one dependency failing in one way, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """A way in which a part can fail. The order is that of the page."""

    GONE = "gone"
    HANGING = "hanging"
    SLOW = "slow"
    ERRORS = "answering errors"
    WRONG = "answering wrongly"
    FULL = "full"
    FORGETTING = "losing what it had"
    READ_ONLY = "read-only"
    FLAPPING = "flapping"
    HALF_CUT_OFF = "half cut off"


class Effect(StrEnum):
    """The worst that a client notices, in one word."""

    NOTHING = "nothing"
    OPERATORS = "operators"
    SLOWER = "slower"
    LATER = "later"
    COPIES = "copies"
    REFUSED = "refused"
    LOSS = "loss"

    @property
    def meaning(self) -> str:
        """The meaning, for the page's legend."""
        return _MEANINGS[self]


_MEANINGS = {
    Effect.NOTHING: "clients notice nothing",
    Effect.OPERATORS: "only operators notice: the console, dashboards or alerts are affected",
    Effect.SLOWER: "answers take longer, within their deadline",
    Effect.LATER: "writes are accepted and take effect later",
    Effect.COPIES: "some answers are copies, marked as such",
    Effect.REFUSED: "some requests are refused; the error says when to retry and whether anything happened",
    Effect.LOSS: "something acknowledged may be missing, doubled or wrong; no promise covers this",
}


def proof_name(proof: str) -> str:
    """Return `tests/...::test_name` or `make target`. In a cell, a proof is written without `tests/`."""
    return proof if proof.startswith("make ") else f"tests/{proof}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failure that can happen. `clients`: what they see; `detected`: how, and how fast; `heals`: what heals by
    itself; `person`: what a person has to do; `proofs`: the id of a test below tests/, or `make target`."""

    effect: Effect
    clients: str
    detected: str
    heals: str
    person: str
    proofs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SameAs:
    """A failure that has the same effects as another cell."""

    dependency: str
    mode: Mode
    because: str
    proofs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Impossible:
    """A failure that cannot happen. `proofs`: what prevents it, where something has to."""

    because: str
    proofs: tuple[str, ...] = ()


Cell = Failure | SameAs | Impossible


@dataclass(frozen=True, slots=True)
class Dependency:
    """A part that Holdfast depends on. `about`: its purpose in one sentence."""

    name: str
    about: str
    cells: Mapping[Mode, Cell]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two parts, of which `one` connects to `other`, and what clients notice when that connection is cut."""

    one: str
    other: str
    effect: str
    proofs: tuple[str, ...]
