"""Reason: why a person does something. It goes on record, so somebody else has to be able to read it. Pure."""

from holdfast.shared.domain.field_types import Text

_TEXT = Text(max_chars=10_000, lines=True)  # how long it may be is said where it is asked for


def legible(value: str) -> str:
    """The text, trimmed. Raises ValueError."""
    try:
        return _TEXT.clean(value.strip())
    except ValueError:
        raise ValueError(
            "must have at least one visible character, and no control characters or marks of text direction"
        ) from None
