"""The changelog and the places that name the version, as text. Pure."""

import re

_UNRELEASED = "## [Unreleased]"
_SECTION = re.compile(r"^## \[", re.MULTILINE)


def section(text: str, title: str) -> str:
    """What stands under `## [title]`, without the heading; empty when there is nothing."""
    found = re.search(rf"^## \[{re.escape(title)}\].*$", text, re.MULTILINE)
    if found is None:
        return ""
    rest = text[found.end() :]
    following = _SECTION.search(rest)
    return rest[: following.start() if following else None].strip()


def released(text: str, version: str, day: str) -> str:
    """`text` with what was unreleased under the heading of `version`."""
    return text.replace(_UNRELEASED, f"{_UNRELEASED}\n\n## [{version}] - {day}", 1)


def with_version(text: str, old: str, new: str) -> str:
    """`text` with `new` wherever a line assigns `old` to a version: in TOML, Python, a Dockerfile."""
    assigned = rf"(version\w*\s*=\s*\"?){re.escape(old)}(?![\w.])"
    return re.sub(assigned, rf"\g<1>{new}", text, flags=re.IGNORECASE)
