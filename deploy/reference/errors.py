"""Every error that a client may get."""

from deploy.reference.markdown import page, table
from holdfast.shared.domain import errors as of_resources
from holdfast.shared.domain.registry import domain
from holdfast.shared.errors import AppError, catalogue
from holdfast.shared.http.envelope import status_of

_ABOUT = """What a client reads of an error is `error.code`. `retryable`: the same request may succeed later, not before
`error.retry_after` seconds (`Retry-After`). Not `definite`: it may have happened; the same `Idempotency-Key`, or the
operation in `error.details.operation_id`, tells. An `internal_error` without a code of its own is a bug of ours."""


def errors() -> str:
    """The page."""
    every: list[AppError | type[AppError]] = [*catalogue(), *of_resources.catalogue(domain())]
    rows = [_row(error) for error in sorted(every, key=lambda error: (status_of(error), error.code))]
    return page("Errors", _ABOUT, table(("status", "type", "code", "retryable", "definite", "meaning"), rows))


def _row(error: AppError | type[AppError]) -> tuple[str, ...]:
    meaning = error.message if isinstance(error, AppError) else " ".join((error.__doc__ or "").split())
    marks = ("yes" if error.retryable else "", "yes" if error.definite else "**no**")
    return (str(status_of(error)), f"`{error.type}`", f"`{error.code}`", *marks, meaning)
