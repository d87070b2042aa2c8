"""Unseen: replaces characters that are invisible or change the direction of text by their code points. Pure."""

import re

from holdfast.shared.domain import characters

#: Control characters except newline and tab, separators, surrogates, and characters that are invisible or change the
#: direction of text.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufff9-\ufffb\ud800-\udfff" + characters.INKLESS + "]")


def numbered(match: re.Match[str]) -> str:
    """Return the code point of the matched character: `[U+202E]`."""
    return f"[U+{ord(match[0]):04X}]"


def without_unseen(text: str) -> str:
    """Return the text with code points in place of unseen characters."""
    return UNSEEN.sub(numbered, text)
