"""Reason: why a person does something. It goes on record, so somebody else has to be able to read it. Pure."""

import unicodedata

from holdfast.shared.domain.characters import shows, turns

_LINE_BREAKS = str.maketrans("", "", "\n\r\t")


def legible(value: str) -> str:
    """The text, trimmed. Raises ValueError."""
    text = value.strip()
    plain = not any(unicodedata.category(char)[0] == "C" for char in text.translate(_LINE_BREAKS) if not shows(char))
    if not shows(text) or turns(text) or not plain:
        raise ValueError(
            "must have at least one visible character, and no control characters or marks of text direction"
        )
    return text
