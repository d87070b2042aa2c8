"""Body: read once, whole, never more than is allowed, and in no form that we would have to guess or unpack. Frameworks
answer an oversized body in words of their own; here it gets the envelope like everything else."""

from starlette.requests import Request

from holdfast.shared.errors import BodyTooLarge, UnsupportedEncoding, UnsupportedMediaType
from holdfast.shared.http.charset import is_utf_8

MAX_BODY_BYTES = 64 * 1024


async def read_body(request: Request, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The request's body, as it was sent. While `scope["body_due"]` is there it has not arrived whole, and nothing can
    have been done. Raises UnsupportedEncoding, UnsupportedMediaType, or BodyTooLarge: at once if it is announced, else
    as soon as it is seen."""
    for name, value in request.scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > max_bytes:
            raise _refusal(max_bytes)
        if name == b"content-encoding":
            _check_encoding(value.decode("latin-1"))
        elif name == b"content-type" and not is_utf_8(raw := value.decode("latin-1")):
            constraint = "charset must be utf-8, or left out"
            details = {"field": "Content-Type", "value": raw[:100], "constraint": constraint}
            raise UnsupportedMediaType("The request body must be UTF-8.", details=details)
    request.scope["body_due"] = True
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise _refusal(max_bytes)
        chunks.append(chunk)
    del request.scope["body_due"]
    return b"".join(chunks)


def _check_encoding(raw: str) -> None:
    """A packed body says nothing of how large it is."""
    if any(coding.strip().lower() not in ("", "identity") for coding in raw.split(",")):
        raise UnsupportedEncoding(
            details={"field": "Content-Encoding", "value": raw[:100], "constraint": "must be identity, or left out"}
        )


def _refusal(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(details={"max_bytes": max_bytes})
