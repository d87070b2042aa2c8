"""Errors: what the service answered, or why there was no answer, with what the caller needs in order to react."""

from collections.abc import Mapping
from typing import Any

__all__ = [
    "AuthenticationError", "Conflict", "HoldfastError", "NotFound", "RateLimited", "Unavailable", "Unfinished",
    "Unreachable", "ValidationError", "WriteFailed",
]  # fmt: skip


class HoldfastError(Exception):
    """An error that the service answered, or the lack of an answer.

    `retryable`: the same request may succeed later. `definite`: the request certainly had no effect. If it is not set,
    send the same request again with the same `idempotency_key`. `status`: of HTTP, 0 without an answer.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int = 0,
        retryable: bool = False,
        definite: bool = False,
        retry_after_s: float = 0.0,
        request_id: str = "",
        details: Mapping[str, Any] | None = None,
        idempotency_key: str = "",
    ) -> None:
        text = f"{code}: {message}" if code else message
        constraint = (details or {}).get("constraint")
        super().__init__(f"{text} ({constraint})" if constraint else text)
        self.message, self.code, self.status, self.request_id = message, code, status, request_id
        self.retryable, self.definite, self.retry_after_s = retryable, definite, retry_after_s
        self.details: Mapping[str, Any] = details or {}
        #: The idempotency key that the write was sent with; empty for a read.
        self.idempotency_key = idempotency_key

    @property
    def operation_id(self) -> str:
        """The id of the operation that the error concerns; empty if unknown."""
        return str(self.details.get("operation_id") or "")


class ValidationError(HoldfastError):
    """The request is not valid; `details` names the field."""


class AuthenticationError(HoldfastError):
    """The API key is missing, wrong, or lacks the right to do this."""


class NotFound(HoldfastError):
    """Nothing has this id."""


class Conflict(HoldfastError):
    """A value is taken, a condition is not met, or a key was used for another request."""


class RateLimited(HoldfastError):
    """The client sent too many requests; `retry_after_s` is how long to wait."""


class Unavailable(HoldfastError):
    """The service, or a dependency of the service, cannot do this now."""


class Unreachable(HoldfastError):
    """There was no answer, an incomplete answer, or an answer that is not in Holdfast's format."""


class WriteFailed(HoldfastError):
    """The accepted write has ended without effect: rejected, expired, dead-lettered or discarded."""


class Unfinished(HoldfastError):
    """The write is accepted and not known to have ended: query `operation_id`."""


_BY_TYPE: Mapping[str, type[HoldfastError]] = {
    "validation_error": ValidationError, "authentication_error": AuthenticationError, "not_found": NotFound,
    "conflict": Conflict, "rate_limit_error": RateLimited, "service_unavailable": Unavailable,
    "database_error": Unavailable, "network_error": Unavailable,
}  # fmt: skip


def error_of(status: int, retry_after: str, document: Any, key: str = "") -> HoldfastError:
    """Return the error for a response: its status, `Retry-After` and JSON, and the request's idempotency key."""
    after_s = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        message, may_pass = f"HTTP {status}, and not as Holdfast answers", status in (502, 503, 504)  # a proxy's
        return Unreachable(message, status=status, retryable=may_pass, retry_after_s=after_s, idempotency_key=key)
    details, in_body = error.get("details"), error.get("retry_after")
    return _BY_TYPE.get(str(error.get("type")), HoldfastError)(
        str(error.get("message") or ""),
        code=str(error.get("code") or ""),
        status=status,
        retryable=error.get("retryable") is True,
        definite=error.get("definite") is True,
        retry_after_s=float(min(1e9, max(0.0, in_body))) if isinstance(in_body, int | float) else after_s,
        request_id=str(error.get("request_id") or ""),
        details=details if isinstance(details, dict) else None,
    )
