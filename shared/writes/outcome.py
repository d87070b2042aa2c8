"""Outcome: what became of one entry of the write stream. A closed set; `match` on it with no default arm."""

import traceback as tracebacks
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from holdfast.shared.faults import Fault
from holdfast.shared.writes.commands import Ref


class Reason(StrEnum):
    """Why an entry was dead-lettered. A public contract: adding one is a change of the API."""

    UNDECODABLE = "undecodable"
    INVALID_DATA = "invalid_data"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    CRASH_LOOP = "crash_loop"
    TOO_OLD = "too_old"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is recorded: class, code, and a message without personal data or SQL."""

    kind: str
    code: str
    message: str
    traceback: str = ""


_TRACEBACK_MAX_CHARS = 8192


def failure_of(error: Exception) -> Failure:
    """An exception as it is recorded. A fault's text is ours; any other's may hold payloads, so its class stands in."""
    cause = error.__cause__ or error
    where = "".join(tracebacks.format_tb(cause.__traceback__))[-_TRACEBACK_MAX_CHARS:]
    message = str(error) if isinstance(error, Fault) else type(error).__name__
    return Failure(type(error).__name__, type(cause).__name__, message, where)


@dataclass(frozen=True, slots=True)
class Applied:
    """It changed the entity; `version` is the entity's version after it."""

    version: int
    status: ClassVar[str] = "applied"


@dataclass(frozen=True, slots=True)
class Superseded:
    """It took its place in the order, and a newer write had already overtaken all that it set."""

    version: int
    status: ClassVar[str] = "superseded"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The operation had already ended. `redelivered`: by this very entry, so nothing was sent twice."""

    redelivered: bool
    #: How the operation ended the first time.
    first: "Applied | Superseded | Rejected"
    #: It had been applied directly, and its entry came late.
    direct: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """A business conflict: final, and visible on the operation."""

    code: str
    detail: dict[str, Any]
    status: ClassVar[str] = "rejected"


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now. `failure` is charged as an attempt; None means that it only waits its turn."""

    failure: Failure | None = None
    #: Entities whose earlier writes may change the answer.
    waits_for: tuple[Ref, ...] = ()
    #: Another transaction has the entity's row locked.
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Dead:
    """This entry cannot work: to the dead-letter stream."""

    reason: Reason
    failure: Failure


Final = Applied | Superseded | Rejected
Outcome = Applied | Superseded | Duplicate | Rejected | Retry | Dead
