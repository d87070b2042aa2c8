"""Head: whether the lines before a body make a request that we take. Pure."""

import re
from collections.abc import Sequence

from holdfast.shared.errors import HeadTooLarge, MalformedHttp, TargetTooLong
from holdfast.shared.runtime.bounds import Bounds

Headers = Sequence[tuple[bytes, bytes]]

#: As long as what takes its place, so that nothing else moves.
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)

#: Colon, space and the line's end.
_LINE_BYTES = 4


def check_size(target: bytes, headers: Headers, bounds: Bounds) -> None:
    """Raises TargetTooLong or HeadTooLarge."""
    if len(target) > bounds.target_bytes:
        raise TargetTooLong(details={"max_bytes": bounds.target_bytes})
    size = len(target) + sum(len(name) + len(value) + _LINE_BYTES for name, value in headers)
    if size > bounds.head_bytes or len(headers) > bounds.headers_max:
        raise head_too_large(bounds)


def check_form(version: str, headers: Headers, *, upgrade: bool) -> None:
    """What the parser lets pass. Raises MalformedHttp."""
    if version not in ("1.1", "1.0"):
        raise MalformedHttp("This server speaks HTTP/1.1.")
    hosts = 0
    for name, _ in headers:
        if name == b"host":
            hosts += 1
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise MalformedHttp("A request has exactly one Host header.")
    if version == "1.0" and _has(b"transfer-encoding", headers):
        raise MalformedHttp("HTTP/1.0 knows no Transfer-Encoding.")
    if upgrade and (_has(b"content-length", headers) or _has(b"transfer-encoding", headers)):
        # The parser would take the body for the next request.
        raise MalformedHttp("A request with a body cannot change the protocol: leave out Upgrade.")


def without_upgrade(piece: bytes) -> bytes:
    """The beginning of a request, its offer to change the protocol made one that nobody knows. We stay with HTTP/1.1,
    and Java's client, for one, makes the offer with every request; left as it is, the parser would take the body for
    the next request."""
    head, end, rest = piece.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nX-Offer:", head) + end + rest if end else piece


def _has(wanted: bytes, headers: Headers) -> bool:
    return any(name == wanted for name, _ in headers)


def head_too_large(bounds: Bounds) -> HeadTooLarge:
    """With what would have been accepted."""
    return HeadTooLarge(details={"max_bytes": bounds.head_bytes, "max_headers": bounds.headers_max})
