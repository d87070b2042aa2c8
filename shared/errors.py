"""Errors: every failure that has a name, except those that name a resource, which are in `shared/domain/errors.py`. The
docstring of an error is the message that the caller, or an operator, reads.

HTTP status codes live in `shared/http/envelope.py` alone; vendor exceptions are translated in the module that called
the vendor.
"""

from typing import Any, ClassVar, Literal, Self, TypeVar

_E = TypeVar("_E", bound=BaseException)

ErrorType = Literal[
    "validation_error",
    "database_error",
    "network_error",
    "authentication_error",
    "rate_limit_error",
    "service_unavailable",
    "not_found",
    "conflict",
    "internal_error",
]


class AppError(Exception):
    """Something went wrong on our side; the details are in our logs under this request id."""

    type: ClassVar[ErrorType] = "internal_error"
    code: str = "INTERNAL_ERROR"
    #: Whether the same request may succeed later.
    retryable: ClassVar[bool] = False
    #: Whether it is certain that the request had no effect.
    definite: ClassVar[bool] = True
    #: The dependency that failed, by the name of its breaker or program; empty if none did.
    dependency: str = ""

    def __init__(
        self, message: str = "", *, details: dict[str, Any] | None = None, retry_after_s: int | None = None
    ) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        self.details = details
        self.retry_after_s = retry_after_s
        super().__init__(self.message)


def without_frames(error: _E) -> _E:
    """Return the error, after removing the stack frames from it and from its causes.

    A frame that holds its own error forms a reference cycle. Only the garbage collector frees such a cycle, with
    everything that the frames of a request hold. In an outage that is a collection of tens of thousands of objects,
    which blocks the event loop.
    """
    error.__traceback__ = None
    cause = error.__cause__ or error.__context__
    if cause is not None and cause.__traceback__ is not None:
        without_frames(cause)
    return error


class Unexpected(AppError):
    """Something went wrong on our side; the details are in our logs under this request id."""

    definite = False


# --- the request is wrong --------------------------------------------------------------------------------------


class InvalidRequest(AppError):
    """The request is not valid."""

    type = "validation_error"
    code = "VALIDATION_FAILED"


class MissingField(InvalidRequest):
    """A required field is missing."""

    code = "MISSING_FIELD"


class UnknownField(InvalidRequest):
    """The request has a field that is not known."""

    code = "UNKNOWN_FIELD"


class InvalidType(InvalidRequest):
    """A field has the wrong type."""

    code = "INVALID_TYPE"


class InvalidParameter(InvalidRequest):
    """A parameter of the path or the query is not valid."""

    code = "INVALID_PARAMETER"


class InvalidBody(InvalidRequest):
    """The request body is not valid."""

    code = "INVALID_BODY"


class InvalidLine(InvalidRequest):
    """A line of the import is not a dead letter."""

    code = "INVALID_LINE"


class InvalidCursor(InvalidRequest):
    """The cursor was not issued by this service."""

    code = "INVALID_CURSOR"

    def __init__(self, sent: str = "") -> None:
        constraint = "must be a meta.next_cursor of the same list"
        super().__init__(details={"field": "cursor", "value": sent[:64], "constraint": constraint})


class InvalidHeader(InvalidRequest):
    """A header of the request has an invalid value: `details` names the header and what is allowed."""

    code = "INVALID_HEADER"


class InvalidExpiry(InvalidRequest):
    """The X-Expire-After-Ms header is not valid."""

    code = "INVALID_EXPIRY"


class InvalidTimeout(InvalidRequest):
    """The X-Request-Timeout-Ms header is not valid."""

    code = "INVALID_REQUEST_TIMEOUT"


class InvalidIdempotencyKey(InvalidRequest):
    """The Idempotency-Key header is not valid."""

    code = "INVALID_IDEMPOTENCY_KEY"


class InvalidOverride(InvalidRequest):
    """The override of a breaker is not valid."""

    code = "INVALID_OVERRIDE"


class InvalidConfig(InvalidRequest):
    """The configuration is not valid."""

    code = "INVALID_CONFIG"


class NothingToChange(InvalidRequest):
    """The request changes nothing."""

    code = "NOTHING_TO_CHANGE"


class MalformedJson(AppError):
    """The request body is not valid JSON."""

    type = "validation_error"
    code = "MALFORMED_JSON"


class UnsupportedMediaType(AppError):
    """The request body must be application/json."""

    type = "validation_error"
    code = "UNSUPPORTED_MEDIA_TYPE"


class UnsupportedEncoding(AppError):
    """The request body has an unsupported Content-Encoding: only identity is accepted."""

    type = "validation_error"
    code = "UNSUPPORTED_CONTENT_ENCODING"


class UnsupportedTransferCoding(AppError):
    """The request body has an unsupported Transfer-Encoding: only chunked is accepted."""

    type = "validation_error"
    code = "UNSUPPORTED_TRANSFER_CODING"


class InvalidCondition(AppError):
    """If-Match or If-None-Match is neither `*` nor a list of entity tags."""

    type = "validation_error"
    code = "INVALID_CONDITION"


class BodyTooLarge(AppError):
    """The request body is larger than this endpoint accepts."""

    type = "validation_error"
    code = "BODY_TOO_LARGE"


class OverBudget(AppError):
    """The request needs more work than one request may cause: `details.budget` names the limit, `details.most` gives
    it."""

    type = "validation_error"
    code = "OVER_BUDGET"


class DocumentTooLarge(OverBudget):
    """A document exceeds a limit: `details.budget` names the limit, `details.most` gives it."""

    code = "DOCUMENT_TOO_LARGE"


class MalformedHttp(AppError):
    """The data sent are not a valid HTTP request."""

    type = "validation_error"
    code = "MALFORMED_HTTP"


class HeadTooLarge(AppError):
    """The request's headers are larger or more numerous than this server accepts."""

    type = "validation_error"
    code = "HEADERS_TOO_LARGE"


class TargetTooLong(AppError):
    """The request's path and query are longer than this server accepts."""

    type = "validation_error"
    code = "URI_TOO_LONG"


class RequestTooSlow(AppError):
    """The request did not arrive in the time that this server waits for one."""

    type = "validation_error"
    code = "REQUEST_TIMEOUT"
    retryable = True


class MethodNotAllowed(AppError):
    """The path does not support this method."""

    type = "validation_error"
    code = "METHOD_NOT_ALLOWED"


class NoSuchPath(AppError):
    """There is nothing at this path."""

    type = "not_found"
    code = "PATH_NOT_FOUND"


# --- the caller has no right -----------------------------------------------------------------------------------


class NotAuthenticated(AppError):
    """The request needs an API key: `Authorization: Bearer KEY`, or `X-API-Key: KEY`."""

    type = "authentication_error"
    code = "NOT_AUTHENTICATED"


class NotAllowed(AppError):
    """The API key does not have the scope that the request needs."""

    type = "authentication_error"
    code = "NOT_ALLOWED"


# --- the state is not what the caller expects -------------------------------------------------------------------


class BreakerNotFound(AppError):
    """No known replica has this breaker."""

    type = "not_found"
    code = "BREAKER_NOT_FOUND"


class WriterNotFound(AppError):
    """No writer of this name has reported recently."""

    type = "not_found"
    code = "WRITER_NOT_FOUND"


class PreconditionFailed(AppError):
    """The current version does not meet If-Match or If-None-Match; nothing was written."""

    type = "conflict"
    code = "PRECONDITION_FAILED"

    def __init__(self, message: str = "", *, field: str | None = None, current: str | None = None, **more: Any) -> None:
        """Create the error. `field`: the header whose condition is not met, or None if the request had none. `current`:
        the current ETag, or None if there is none or it was not read. `more`: additional details."""
        super().__init__(message, details={**more, "field": field, "current": current})


class KeyReused(AppError):
    """The Idempotency-Key was used before with another request body."""

    type = "validation_error"
    code = "IDEMPOTENCY_KEY_REUSED"


class RequestInProgress(AppError):
    """The first request with this Idempotency-Key has been accepted but not answered yet."""

    type = "conflict"
    code = "REQUEST_IN_PROGRESS"
    retryable = True
    definite = False


# --- the outcome of a write -------------------------------------------------------------------------------------


class WriteRejected(AppError):
    """The write was rejected for a reason that this build does not know."""

    type = "conflict"
    code = "WRITE_REJECTED"

    def __init__(self, code: str = "", *, details: dict[str, Any] | None = None) -> None:
        super().__init__(details=details)
        self.code = code or type(self).code


class WriteExpired(AppError):
    """The write was not applied by the time that X-Expire-After-Ms allowed; it did not happen. Its Idempotency-Key
    always gets this answer: to try again, send a new write with another key."""

    type = "network_error"
    code = "WRITE_EXPIRED"


class WriteDeadLettered(AppError):
    """The write could not be applied and waits for an operator."""

    type = "internal_error"
    code = "WRITE_DEAD_LETTERED"


class WriteDiscarded(AppError):
    """The write could not be applied, and an operator discarded it; it did not happen."""

    type = "internal_error"
    code = "WRITE_DISCARDED"


class WriteLost(AppError):
    """The queue lost its memory of the time when this write was made, and the database does not know the write. If it
    was accepted, it did not take effect. Send it again."""

    type = "service_unavailable"
    code = "WRITE_LOST"
    retryable = True


class OperationNotFound(AppError):
    """There is no operation with this id, or its record is no longer kept."""

    type = "not_found"
    code = "OPERATION_NOT_FOUND"


class OperationPurged(AppError):
    """Operations as old as this one are no longer kept. Whether it existed, and how it ended, is unknown."""

    type = "not_found"
    code = "OPERATION_PURGED"


# --- a dependency fails -----------------------------------------------------------------------------------------


class DatabaseUnavailable(AppError):
    """The database did not answer, or refused to do what it was asked."""

    type = "database_error"
    code = "DATABASE_UNAVAILABLE"
    dependency = "database"
    retryable = True


class DatabaseSlow(AppError):
    """The database has not answered yet."""

    type = "database_error"
    code = "DATABASE_SLOW"
    retryable = True
    #: The copy that is served instead.
    copy: Any = None

    @classmethod
    def answered_by(cls, copy: Any) -> Self:
        """Create the error with the copy that is served instead."""
        slow = cls()
        slow.copy = copy
        return slow


class CircuitOpen(AppError):
    """Database service temporarily unavailable."""

    type = "service_unavailable"
    code = "CIRCUIT_BREAKER_OPEN"
    retryable = True
    dependency = "database"


class Overloaded(AppError):
    """The server has more requests than it can answer in time; nothing was done."""

    type = "service_unavailable"
    code = "OVERLOADED"
    retryable = True


class RateLimited(AppError):
    """The client has sent more requests than its limit allows."""

    type = "rate_limit_error"
    code = "RATE_LIMITED"
    retryable = True


class QueueUnavailable(AppError):
    """The write queue did not accept the write; it did not happen."""

    type = "service_unavailable"
    code = "QUEUE_UNAVAILABLE"
    dependency = "queue"
    retryable = True


class WritersBehind(QueueUnavailable):
    """The build of a running writer cannot decode this write, so it was not queued. The api applies it directly."""

    code = "WRITERS_BEHIND"


class FleetUnreachable(AppError):
    """The board that all replicas read is unreachable, and this replica has no such breaker. The override may have
    reached no process."""

    type = "service_unavailable"
    code = "FLEET_UNREACHABLE"
    dependency = "cache"
    retryable = True
    definite = False


class WritesUnavailable(AppError):
    """Neither the write queue nor the database accepts writes; the write did not happen."""

    type = "service_unavailable"
    code = "WRITES_UNAVAILABLE"
    dependency = "queue"
    retryable = True


class OrderUnknown(AppError):
    """While the write queue is unavailable, it is unknown whether an earlier write of the same entity is still pending;
    this write did not happen."""

    type = "service_unavailable"
    code = "ORDER_UNKNOWN"
    dependency = "cache"
    retryable = True


class QueueFull(AppError):
    """The write queue is full; the write did not happen."""

    type = "service_unavailable"
    code = "QUEUE_FULL"
    dependency = "queue"
    retryable = True


class AcceptanceUnknown(AppError):
    """The write queue stopped answering while it accepted the write, which may or may not happen. Read the operation,
    or send the same request with the same Idempotency-Key."""

    type = "network_error"
    code = "ACCEPTANCE_UNKNOWN"
    dependency = "queue"
    retryable = True
    definite = False


class DeadlineExceeded(AppError):
    """The deadline of this request passed before the request was carried out; it did not happen."""

    type = "network_error"
    code = "DEADLINE_EXCEEDED"
    retryable = True


class AnswerOverdue(AppError):
    """The deadline of this request passed before its answer was ready: it may or may not have happened."""

    type = "network_error"
    code = "ANSWER_OVERDUE"
    retryable = True
    definite = False


class NoReplica(AppError):
    """No replica of the api takes requests now; nothing was done."""

    type = "service_unavailable"
    code = "NO_REPLICA"
    retryable = True


class AnswerLost(AppError):
    """The replica that had this request went away before it answered: it may or may not have happened."""

    type = "network_error"
    code = "ANSWER_LOST"
    retryable = True
    definite = False


class WriteBacklog(AppError):
    """Too many writes wait to be applied; this one did not happen."""

    type = "service_unavailable"
    code = "WRITE_BACKLOG"
    dependency = "writer"
    retryable = True


# --- the third party, and the proxy in front of it -------------------------------------------------------------


class UpstreamTimeout(AppError):
    """The third party did not answer in time."""

    type = "network_error"
    code = "UPSTREAM_TIMEOUT"
    dependency = "third_party"
    retryable = True


class UpstreamUnreachable(AppError):
    """The third party could not be reached, or closed the connection."""

    type = "network_error"
    code = "UPSTREAM_UNREACHABLE"
    dependency = "third_party"
    retryable = True


class UpstreamInvalidAnswer(AppError):
    """The third party sent an invalid answer."""

    type = "network_error"
    code = "UPSTREAM_INVALID_ANSWER"
    dependency = "third_party"
    retryable = True


class UpstreamFailed(AppError):
    """The third party answered with an error of its own."""

    type = "network_error"
    code = "UPSTREAM_FAILED"
    dependency = "third_party"
    retryable = True


class UpstreamRefused(AppError):
    """The third party works, but refuses this request."""

    type = "network_error"
    code = "UPSTREAM_REFUSED"
    dependency = "third_party"


class UpstreamThrottled(AppError):
    """The third party has asked for a pause; until its end nothing is sent."""

    type = "service_unavailable"
    code = "UPSTREAM_THROTTLED"
    dependency = "third_party"
    retryable = True


class UpstreamOutcomeUnknown(AppError):
    """The third party did not report the outcome of the request, which may or may not have happened. With an
    Idempotency-Key it is safe to send it again."""

    type = "network_error"
    code = "UPSTREAM_OUTCOME_UNKNOWN"
    dependency = "third_party"
    retryable = True
    definite = False


class ProxyBusy(AppError):
    """The limit of concurrent calls to the third party is reached; this call was not sent."""

    type = "service_unavailable"
    code = "EXTERNAL_PROXY_BUSY"
    dependency = "external_proxy"
    retryable = True


class ProxyUnavailable(AppError):
    """The external proxy did not answer, and there is no copy of an earlier answer."""

    type = "service_unavailable"
    code = "EXTERNAL_PROXY_UNAVAILABLE"
    dependency = "external_proxy"
    retryable = True


class ConfigUnavailable(AppError):
    """The store of the runtime configuration did not answer; read the configuration to see whether it changed."""

    type = "service_unavailable"
    code = "CONFIG_STORE_UNAVAILABLE"
    dependency = "queue"
    retryable = True
    definite = False


# --- explanations and announced faults -------------------------------------------------------------------------


class RequestUnknown(AppError):
    """Nothing is known of this request: its explanation has expired, it was an ordinary read without `X-Explain`, or
    there were more explanations than are kept."""

    type = "not_found"
    code = "REQUEST_UNKNOWN"


class ExplanationsUnavailable(AppError):
    """The cache, where explanations of requests are kept, does not answer."""

    type = "service_unavailable"
    code = "EXPLANATIONS_UNAVAILABLE"
    dependency = "cache"
    retryable = True


class TooManyFaults(AppError):
    """The maximum number of faults is announced; end one first."""

    type = "conflict"
    code = "TOO_MANY_FAULTS"


# --- dead letters ----------------------------------------------------------------------------------------------


class LetterNotFound(AppError):
    """There is no dead letter with this id."""

    type = "not_found"
    code = "LETTER_NOT_FOUND"


class GroupNotFound(AppError):
    """There is no group of dead letters with this fingerprint."""

    type = "not_found"
    code = "GROUP_NOT_FOUND"


class CountMismatch(AppError):
    """The number of dead letters in the selection differs from expected_count; nothing was done."""

    type = "conflict"
    code = "COUNT_MISMATCH"


class LetterDiffers(AppError):
    """The file gives this dead letter an id that another dead letter has; nothing was imported."""

    type = "conflict"
    code = "LETTER_DIFFERS"


class SelectionTooLarge(AppError):
    """The selection holds more dead letters than one call may change; nothing was done."""

    type = "validation_error"
    code = "SELECTION_TOO_LARGE"


class LetterBusy(AppError):
    """Only a letter in the state `dead` can be edited or replayed; this one is being replayed, has ended, or was
    discarded."""

    type = "conflict"
    code = "LETTER_NOT_DEAD"


class EditOutdated(AppError):
    """Another edit of this letter is in force than the one that was expected; nothing was done. Open the letter again
    to see it."""

    type = "conflict"
    code = "EDIT_OUTDATED"


class EditInvalid(AppError):
    """The edited entry would not be a valid write; nothing was changed."""

    type = "validation_error"
    code = "EDIT_INVALID"


class EditNotFound(AppError):
    """The dead letter has no edit of this number."""

    type = "not_found"
    code = "EDIT_NOT_FOUND"


class AuditEntryNotFound(AppError):
    """The audit has no entry with this number."""

    type = "not_found"
    code = "AUDIT_ENTRY_NOT_FOUND"


class NothingToUndo(AppError):
    """Nothing of this action can still be undone: its letters were changed or replayed since, or it is not
    reversible."""

    type = "conflict"
    code = "NOTHING_TO_UNDO"


class TransformNotFound(AppError):
    """There is no transform with this id."""

    type = "not_found"
    code = "TRANSFORM_NOT_FOUND"


class NothingToReplay(AppError):
    """The selection has no dead letter in the state `dead`."""

    type = "conflict"
    code = "NOTHING_TO_REPLAY"


class ReplayNotFound(AppError):
    """There is no replay with this id."""

    type = "not_found"
    code = "REPLAY_NOT_FOUND"


class ReplayNotNow(AppError):
    """The replay is in a state in which this cannot be done."""

    type = "conflict"
    code = "REPLAY_STATE"


class AllowanceUsedUp(AppError):
    """You may change only `details.left` letters alone: a second person has to allow more, or approve the replay."""

    type = "conflict"
    code = "ALLOWANCE_USED_UP"


class SecondPersonNeeded(AppError):
    """A second person is needed: you cannot approve your own replay, or allow yourself more letters."""

    type = "conflict"
    code = "SECOND_PERSON_NEEDED"


class OutcomeUnknown(AppError):
    """The database stopped answering during the change, which may or may not have happened. Check before repeating
    it."""

    type = "database_error"
    code = "OUTCOME_UNKNOWN"
    dependency = "database"
    definite = False


class ResumptionUnknown(AppError):
    """The queue stopped answering while the halted writers were resumed, which may or may not happen. List the writers;
    the same request may be repeated."""

    type = "service_unavailable"
    code = "RESUMPTION_UNKNOWN"
    dependency = "queue"
    retryable = True
    definite = False


def catalogue() -> list[type[AppError]]:
    """Return every error that is named without a resource, in the order of this file."""

    def walk(root: type[AppError]) -> list[type[AppError]]:
        return [root, *(found for child in root.__subclasses__() for found in walk(child))]

    return [error for error in walk(AppError)[1:] if error.code]
