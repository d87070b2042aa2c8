"""Rejections: what a rejected write is called in front of a client, at once or on its operation."""

from holdfast.shared.errors import (
    AppError,
    EmailTaken,
    KeyReused,
    PreconditionFailed,
    UserExists,
    UserNotFound,
    WriteExpired,
)
from holdfast.shared.writes.outcome import Rejected

_ERRORS: dict[str, type[AppError]] = {
    error.code: error for error in (EmailTaken, KeyReused, PreconditionFailed, UserExists, UserNotFound, WriteExpired)
}


def error_of(rejected: Rejected, operation_id: str) -> AppError:
    """The error that a write was rejected with."""
    return _ERRORS[rejected.code](details={"operation_id": operation_id, **rejected.detail})
