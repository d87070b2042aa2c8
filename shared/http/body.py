"""Body: reads request bodies once, as a whole, up to a limit, uncompressed and in UTF-8. Any other body is refused in
the envelope."""

from email.message import Message

from starlette.requests import ClientDisconnect, Request

from holdfast.shared.errors import BodyTooLarge, UnsupportedEncoding, UnsupportedMediaType

#: ASCII is a subset of UTF-8.
_UTF_8 = {"utf-8", "utf8", "us-ascii", "ascii"}


def is_utf_8(content_type: str) -> bool:
    """Return whether the content type names UTF-8, or no charset."""
    if "charset" not in content_type.lower():
        return True
    header = Message()
    header["Content-Type"] = content_type
    return str(header.get_param("charset", "utf-8")).strip().lower() in _UTF_8


MAX_BODY_BYTES = 64 * 1024


async def read_body(request: Request, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Return the request's body, as sent.

    While `scope["body_due"]` is set, the body is incomplete, so the handler has not acted yet. Raises
    UnsupportedEncoding, UnsupportedMediaType, or BodyTooLarge: before reading if the Content-Length is too large, else
    as soon as the limit is exceeded.
    """
    for name, value in request.scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > max_bytes:
            raise _refusal(max_bytes)
        if name == b"content-encoding":
            _check_encoding(value.decode("latin-1"))
        elif name == b"content-type" and not is_utf_8(raw := value.decode("latin-1")):
            constraint = "must have charset utf-8, or none"
            details = {"field": "Content-Type", "value": raw[:100], "constraint": constraint}
            raise UnsupportedMediaType("The request body must be UTF-8.", details=details)
    request.scope["body_due"] = True
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:  # does what `request.stream` does, whose asynchronous generator costs twice as much
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > max_bytes:
            raise _refusal(max_bytes)
        chunks.append(chunk)
        more = message.get("more_body", False)
    del request.scope["body_due"]
    return b"".join(chunks)


def _check_encoding(raw: str) -> None:
    """Refuse a compressed body, because its size is unknown before it is decompressed."""
    if any(coding.strip().lower() not in ("", "identity") for coding in raw.split(",")):
        raise UnsupportedEncoding(
            details={"field": "Content-Encoding", "value": raw[:100], "constraint": "must be identity, or left out"}
        )


def _refusal(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(details={"max_bytes": max_bytes})
