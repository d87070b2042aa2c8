"""Violation: one event or state that a promise rules out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise. `kind`: a word as docs/promises.md uses it, "lost", "doubled" ... `what`: a sentence with the
    ids."""

    kind: str
    what: str
    #: The operation, key or entity by which it can be found in the history.
    about: str = ""
    at_s: float | None = None
