"""Answers: what all parts of the api's document share: answers with the rate limit's headers, and example values."""

from typing import Any

from holdfast.shared.errors import AppError, RateLimited
from holdfast.shared.http import document
from holdfast.shared.http.document import header, parameter

ID = "0198c0de-0000-7000-8000-000000000001"
OPERATION_ID = "0198c0de-0000-7000-8000-0000000000aa"
VERSION = 1768473000000000
TIME = "2026-01-15T10:30:00.000000Z"

FRESH = parameter(
    "Cache-Control",
    "`no-cache`: if current data are not available, answer with an error rather than with a copy.",
    "no-cache",
)
RATE_LIMIT = {
    "RateLimit-Policy": header("Your rate limit: `q` requests in `w` seconds; absent if there is none"),
    "RateLimit": header("What is left of your rate limit, `r` requests, and the seconds until there are more, `t`"),
}


def answer(
    description: str,
    data: dict[str, Any],
    example: Any,
    headers: dict[str, Any] | None = None,
    *,
    name: str = "",
    status: int = 200,
    copy: str = "",
) -> dict[int | str, Any]:
    """See shared/http/document.py."""
    all_headers = RATE_LIMIT | (headers or {})
    return document.answer(description, data, example, name=name, status=status, copy=copy, headers=all_headers)


def errors(*named: type[AppError] | AppError) -> dict[int | str, Any]:
    """See shared/http/document.py."""
    return document.errors(*named, RateLimited, headers=RATE_LIMIT)
