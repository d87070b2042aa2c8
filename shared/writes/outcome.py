"""Outcome: the result of handling one entry of the write stream. The set is closed: `match` on it with no default
arm."""

import traceback as tracebacks
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from holdfast.shared.faults import Fault
from holdfast.shared.writes.commands import Ref


class Reason(StrEnum):
    """The reason why an entry was dead-lettered. The reasons are a public contract: adding one changes the API."""

    UNDECODABLE = "undecodable"
    INVALID_DATA = "invalid_data"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    CRASH_LOOP = "crash_loop"
    TOO_OLD = "too_old"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error in its recorded form: class, code, and a message without personal data or SQL."""

    kind: str
    code: str
    message: str
    traceback: str = ""


_TRACEBACK_MAX_CHARS = 8192


def failure_of(error: Exception) -> Failure:
    """Return the recorded form of an exception. The text of a Fault is ours; that of any other exception may quote a
    payload, so the message is the class name instead."""
    cause = error.__cause__ or error
    where = "".join(tracebacks.format_tb(cause.__traceback__))[-_TRACEBACK_MAX_CHARS:]
    message = str(error) if isinstance(error, Fault) else type(error).__name__
    return Failure(type(error).__name__, type(cause).__name__, message, where)


@dataclass(frozen=True, slots=True)
class Applied:
    """The write changed the entity. `version` is the entity's version after the write."""

    version: int
    status: ClassVar[str] = "applied"


@dataclass(frozen=True, slots=True)
class Superseded:
    """The write took its place in the order, but newer writes had already overwritten everything that it set."""

    version: int
    status: ClassVar[str] = "superseded"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The operation had already ended. `redelivered`: this same entry ended it, so nothing was sent twice."""

    redelivered: bool
    #: How the operation ended the first time.
    first: "Applied | Superseded | Rejected"
    #: Whether the operation had been applied directly, so that its entry came late.
    direct: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """The write was refused because of a business conflict. This is final, and visible on the operation."""

    code: str
    detail: dict[str, Any]
    status: ClassVar[str] = "rejected"


@dataclass(frozen=True, slots=True)
class Retry:
    """The write is to be retried later. `failure` is charged as an attempt; None means that the write only waits."""

    failure: Failure | None = None
    #: Entities whose earlier writes may change the outcome.
    waits_for: tuple[Ref, ...] = ()
    #: Whether another transaction has locked the entity's row.
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Dead:
    """The entry can never be applied, and goes to the dead-letter stream."""

    reason: Reason
    failure: Failure


Final = Applied | Superseded | Rejected
Outcome = Applied | Superseded | Duplicate | Rejected | Retry | Dead
