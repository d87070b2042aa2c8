"""Unseen: characters that show nothing or turn their neighbours around, written as their numbers. Pure."""

import re

from holdfast.shared.domain import characters

#: Controls but newline and tab, separators, halves of pairs, and whatever shows nothing or turns its neighbours.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufff9-\ufffb\ud800-\udfff" + characters.INKLESS + "]")


def numbered(match: re.Match[str]) -> str:
    """`[U+202E]`."""
    return f"[U+{ord(match[0]):04X}]"


def without_unseen(text: str) -> str:
    """The text with numbers for what cannot be seen."""
    return UNSEEN.sub(numbered, text)
