"""Reason: checks the reason that a person gives for an action. It goes on record, so other people have to be able to
read it. Pure."""

from holdfast.shared.domain.characters import plain, shows, turns

_LINE_BREAKS = str.maketrans("", "", "\n\r\t")


def legible(value: str) -> str:
    """Return the text, trimmed. Raises ValueError if it is not legible."""
    text = value.strip()
    if not shows(text) or turns(text) or not plain(text.translate(_LINE_BREAKS)):
        raise ValueError(
            "must have at least one visible character, and no control characters or marks of text direction"
        )
    return text
