"""Browser: adds the headers that limit what a browser, or a cache on the way, does with an answer. Pure."""

from collections.abc import Iterable
from functools import lru_cache

#: The body has the declared type; a browser must not guess another.
NOSNIFF = (b"x-content-type-options", b"nosniff")
#: Without it, a cache may keep a page or a 404 for as long as it likes (RFC 9111, 4.2.2).
NO_STORE = (b"cache-control", b"no-store")
_TYPE, _POLICY = b"content-type", b"content-security-policy"
_LOOKED_AT = frozenset({_TYPE, _POLICY, NOSNIFF[0], NO_STORE[0]})
#: No scripts, no loading, no forms, no frames: a page that needs more brings its own policy.
NOTHING = (
    _POLICY,
    b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
)

Header = tuple[bytes, bytes]


def for_a_browser(headers: Iterable[Header]) -> list[Header]:
    """Return the headers to add to an answer with these `headers`: `nosniff`, `no-store` unless it says what caches may
    keep, and the strictest policy to a document (HTML, XML, SVG) without a policy."""
    content_type, policy, added = b"", False, [NOSNIFF, NO_STORE]
    for name, value in headers:
        lower = name.lower()
        if lower not in _LOOKED_AT:
            continue
        if lower == _TYPE:
            content_type = value
        elif lower == _POLICY:
            policy = True
        else:
            added = [each for each in added if each[0] != lower]
    return [*added, NOTHING] if not policy and _is_document(content_type) else added


@lru_cache(maxsize=256)
def _is_document(content_type: bytes) -> bool:
    kind = content_type.partition(b";")[0].strip().lower()
    return kind.endswith((b"html", b"xml"))
