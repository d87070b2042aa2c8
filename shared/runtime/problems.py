"""Problems: describes what is wrong with an input, in our words."""

import re
from collections.abc import Sequence

from pydantic_core import ErrorDetails


class WrongTogether(ValueError):
    """Raised with sentences about several settings, or with `NAME: fault` for a variable that is not a field."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("; ".join(sentences))
        self.sentences = sentences


_PREFIXES = ("Value error, ", "Assertion failed, ")
#: Matches `Input should be`, `String should have`, and so on.
_SHOULD = re.compile(r"^[A-Z][a-z]+(?: input)? should ")
_WORDS = {"missing": "is required", "extra_forbidden": "is not a known field"}


def constraint_of(problem: ErrorDetails) -> str:
    """Return what the input has to be. Pydantic prefixes the messages of our validators with the kind of the exception;
    the prefix is removed."""
    text = _WORDS.get(problem["type"]) or _SHOULD.sub("must ", problem["msg"])
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    return text
