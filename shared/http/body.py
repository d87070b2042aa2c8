"""Body: read once, whole, and never more than is allowed. Frameworks answer an oversized body in words of their own;
here it gets the envelope like everything else."""

from starlette.requests import Request

from shared.errors import BodyTooLarge

MAX_BODY_BYTES = 64 * 1024


async def read_body(request: Request, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The request's body. Raises BodyTooLarge: at once if it is announced, else as soon as it is seen."""
    for name, value in request.scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > max_bytes:
            raise _refusal(max_bytes)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise _refusal(max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def _refusal(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(details={"max_bytes": max_bytes})
