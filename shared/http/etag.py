"""ETag: a version in the notation of HTTP."""

import re

from shared.errors import PreconditionFailed

_ETAG = re.compile(r'^"(\d{1,16})"$')


def etag(version: int) -> str:
    """`"7"`, in quotes."""
    return f'"{version}"'


def if_match(raw: str) -> int | None:
    """The version that an `If-Match` names; None: any. Raises PreconditionFailed for what is no version of ours."""
    raw = raw.strip()
    if raw == "*":
        return None
    match = _ETAG.match(raw)
    if match is None:
        raise PreconditionFailed(details={"field": "If-Match", "value": raw[:100], "constraint": "must be one ETag"})
    return int(match[1])
