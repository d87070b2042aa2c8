"""Characters: which Unicode characters are invisible, and which change the direction of the text around them. Pure.

Python's `unicodedata` lacks both properties; they are fixed sets in `DerivedCoreProperties.txt` and `PropList.txt`.
"""

import re
import unicodedata

#: The property Bidi_Control: marks, embeddings, overrides and isolates of direction.
BIDI_CONTROLS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
#: The property Default_Ignorable_Code_Point: fillers, joiners, variation selectors, tags, and the code points that
#: Unicode reserves for more of them.
_IGNORABLES = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
#: The ignorable characters, and the blank of Braille, the only symbol that has no ink.
INKLESS = _IGNORABLES + "\u2800"

#: Control, surrogate, unassigned and private-use characters; line and paragraph separators.
_NOT_IN_A_LINE = {"Cc", "Cs", "Cn", "Co", "Zl", "Zp"}

_TURNS = re.compile(f"[{BIDI_CONTROLS}]")
_INKLESS = re.compile(f"[{INKLESS}]")


def turns(text: str) -> bool:
    """Return whether `text` has a character that changes the direction of the text around it."""
    return _TURNS.search(text) is not None


def inkless(text: str) -> bool:
    """Return whether `text` has an invisible character."""
    return _INKLESS.search(text) is not None


def plain(line: str) -> bool:
    """Return whether a line of text has only characters that belong in one line."""
    return line.isprintable() or not any(unicodedata.category(char) in _NOT_IN_A_LINE for char in line)


def shows(text: str) -> bool:
    """Return whether at least one character is visible by itself: a letter, digit, punctuation mark or symbol with
    ink."""
    return any(unicodedata.category(char)[0] in "LNPS" and not _INKLESS.match(char) for char in text)
