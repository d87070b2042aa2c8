"""Reason: why a person does something. It goes on record, so somebody else has to be able to read it. Pure."""

from holdfast.shared.domain.characters import plain, shows, turns

_LINE_BREAKS = str.maketrans("", "", "\n\r\t")


def legible(value: str) -> str:
    """The text, trimmed. Raises ValueError."""
    text = value.strip()
    if not shows(text) or turns(text) or not plain(text.translate(_LINE_BREAKS)):
        raise ValueError(
            "must have at least one visible character, and no control characters or marks of text direction"
        )
    return text
