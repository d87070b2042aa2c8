"""ETag: entity tags (RFC 9110, 8.8.3), and the conditions of a request on them (13.1). Pure."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from holdfast.shared.errors import InvalidCondition

IF_MATCH, IF_NONE_MATCH = "If-Match", "If-None-Match"
_NAMES = {name.lower().encode(): name for name in (IF_MATCH, IF_NONE_MATCH)}

#: One element of a list, which may be empty, and the comma after it. A comma inside the quotes belongs to the tag.
_ELEMENT = re.compile(r'[ \t]*(?:(W/)?"([\x21\x23-\x7e\x80-\xff]*)")?[ \t]*(?:,|\Z)')
_VERSION = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
_VERSION_MAX = 2**53


class Tag(NamedTuple):
    """An entity tag: the text between the quotes, and whether `W/` precedes them."""

    opaque: str
    weak: bool = False


class Tags(NamedTuple):
    """The value of If-Match or If-None-Match. `any`: the value is `*`."""

    listed: tuple[Tag, ...] = ()
    any: bool = False

    def strongly(self, tag: Tag | None) -> bool:
        """Return whether one of the tags equals `tag` by the strong comparison. `*` matches everything, even if there
        is no tag."""
        return self.any or (tag is not None and not tag.weak and tag in self.listed)

    def weakly(self, tag: Tag | None) -> bool:
        """Return whether one of the tags equals `tag` by the weak comparison. `*` matches everything, even if there is
        no tag."""
        return self.any or (tag is not None and any(tag.opaque == one.opaque for one in self.listed))

    def versions(self, *, strong: bool) -> tuple[int, ...]:
        """Return the versions whose `etag` is one of these tags, sorted. `strong`: without weak tags, which the strong
        comparison never matches."""
        named = {
            int(tag.opaque)
            for tag in self.listed
            if not (strong and tag.weak) and _VERSION.fullmatch(tag.opaque) and int(tag.opaque) < _VERSION_MAX
        }
        return tuple(sorted(named))


class Conditions(NamedTuple):
    """The conditions of a request. None: the request has no condition of that kind."""

    if_match: Tags | None = None
    if_none_match: Tags | None = None

    def failing(self, tag: Tag | None) -> str | None:
        """Return the first header whose condition is not met by this tag, or None. `tag` is None if there is no tag."""
        if self.if_match is not None and not self.if_match.strongly(tag):
            return IF_MATCH
        if self.if_none_match is not None and self.if_none_match.weakly(tag):
            return IF_NONE_MATCH
        return None


_NONE = Conditions()


def etag(version: int) -> str:
    """Return a version as an entity tag, in quotes: `"7"`."""
    return f'"{version}"'


def conditions(headers: Iterable[tuple[bytes, bytes]]) -> Conditions:
    """Parse the conditions in these headers, whose names are in lower case. Several lines of one name are one list.
    Raises InvalidCondition."""
    lines: dict[str, list[bytes]] = {}
    for name, value in headers:
        if (known := _NAMES.get(name)) is not None:
            lines.setdefault(known, []).append(value)
    if not lines:
        return _NONE
    if_match, if_none_match = (
        tags(name, b",".join(lines[name]).decode("latin-1")) if name in lines else None
        for name in (IF_MATCH, IF_NONE_MATCH)
    )
    return Conditions(if_match, if_none_match)


def tags(field: str, raw: str) -> Tags:
    """Parse `*`, or a list of entity tags. Raises InvalidCondition."""
    if raw.strip(" \t") == "*":
        return Tags(any=True)
    found: list[Tag] = []
    at = 0
    while at < len(raw):
        element = _ELEMENT.match(raw, at)
        if element is None:
            raise _invalid(field, raw)
        if element[2] is not None:
            found.append(Tag(element[2], element[1] is not None))
        at = element.end()
    if not found:
        raise _invalid(field, raw)
    return Tags(tuple(found))


def tag(raw: str) -> Tag | None:
    """Parse the tag in one of our own `ETag` headers."""
    element = _ELEMENT.fullmatch(raw)
    return Tag(element[2], element[1] is not None) if element and element[2] is not None else None


def _invalid(field: str, raw: str) -> InvalidCondition:
    constraint = 'must be * or a list of entity tags, such as "7", W/"8"'
    return InvalidCondition(details={"field": field, "value": raw[:100], "constraint": constraint})
