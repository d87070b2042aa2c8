"""Violation: one thing that a promise rules out, and that happened."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """`kind`: one of the words in docs/promises.md's sense: "lost", "doubled" ... `what`: a sentence with the ids."""

    kind: str
    what: str
    #: The operation, key or entity, to find it in the history.
    about: str = ""
    at_s: float | None = None
