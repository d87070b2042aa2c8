"""Head: checks the size and form of a request's head. Pure."""

import re
from collections.abc import Sequence

from holdfast.shared.errors import HeadTooLarge, MalformedHttp, TargetTooLong, UnsupportedTransferCoding
from holdfast.shared.runtime.bounds import Bounds

Headers = Sequence[tuple[bytes, bytes]]

#: The header is replaced by a name of the same length, so that no offset changes.
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)

#: Headers that services read and that are not lists. If one is repeated, a proxy in front of us may use the other
#: value.
_ONCE = frozenset({
    b"authorization", b"content-type", b"host", b"idempotency-key", b"origin", b"x-allow-fallback", b"x-api-key",
    b"x-expire-after-ms", b"x-explain", b"x-request-id", b"x-request-timeout-ms",
})  # fmt: skip

#: The value of a Host header: a name or an address, which may be empty, and an optional port (RFC 3986).
_HOST = re.compile(rb"(?:\[[0-9a-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d{0,5})?", re.IGNORECASE | re.ASCII)

#: The bytes of colon, space and line end.
_LINE_BYTES = 4


def check_size(target: bytes, headers: Headers, bounds: Bounds) -> None:
    """Raise TargetTooLong or HeadTooLarge if a limit is exceeded."""
    if len(target) > bounds.target_bytes:
        raise TargetTooLong(details={"max_bytes": bounds.target_bytes})
    size = len(target) + sum(len(name) + len(value) + _LINE_BYTES for name, value in headers)
    if size > bounds.head_bytes or len(headers) > bounds.headers_max:
        raise head_too_large(bounds)


def check_form(version: str, headers: Headers, *, upgrade: bool) -> None:
    """Check the rules of RFC 9110 and 9112 that the parser does not enforce. Raises MalformedHttp, or
    UnsupportedTransferCoding."""
    if version not in ("1.1", "1.0"):
        raise MalformedHttp("This server speaks HTTP/1.1.")
    fields = dict(headers)
    if len(fields) < len(headers):
        _check_repeated(headers)
    if version == "1.1" and b"host" not in fields:
        raise MalformedHttp("A request has exactly one Host header.")
    if not _HOST.fullmatch(fields.get(b"host", b"")):
        raise MalformedHttp("The Host header names no host.")
    if b"transfer-encoding" in fields:
        _check_coding(version, headers)
    if upgrade and (b"content-length" in fields or b"transfer-encoding" in fields):
        # The parser would take the body for the next request.
        raise MalformedHttp("A request with a body cannot change the protocol: leave out Upgrade.")


def without_upgrade(piece: bytes) -> bytes:
    """Return the beginning of a request with its Upgrade header renamed. The offer is always declined, and Java's
    client sends it with every request. With the header in place, the parser would take the body for the next
    request."""
    head, end, rest = piece.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nX-Offer:", head) + end + rest if end else piece


def is_short(headers: Headers, bounds: Bounds) -> bool:
    """Return whether an unwanted body is short enough to be read to its end."""
    lengths = [int(value) for name, value in headers if name == b"content-length"]
    return bool(lengths) and lengths[0] <= bounds.drain_bytes


def _check_repeated(headers: Headers) -> None:
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in seen and name in _ONCE:
            raise MalformedHttp(f"A request has one {name.decode().title()} header at most.")
        seen.add(name)


def _check_coding(version: str, headers: Headers) -> None:
    if version == "1.0":
        raise MalformedHttp("HTTP/1.0 has no Transfer-Encoding.")
    lines = b",".join(value for name, value in headers if name == b"transfer-encoding")
    codings = [coding for each in lines.lower().split(b",") if (coding := each.strip())]
    if codings[-1:] != [b"chunked"] or codings.count(b"chunked") > 1:
        raise MalformedHttp("The last Transfer-Encoding is chunked, and no other is.")
    if len(codings) > 1:
        raise UnsupportedTransferCoding()


def head_too_large(bounds: Bounds) -> HeadTooLarge:
    """Return the error, with the limits in its details."""
    return HeadTooLarge(details={"max_bytes": bounds.head_bytes, "max_headers": bounds.headers_max})
