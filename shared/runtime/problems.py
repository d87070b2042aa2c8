"""Problems: what is wrong with an input, in our words."""

import re
from collections.abc import Sequence

from pydantic_core import ErrorDetails


class WrongTogether(ValueError):
    """Sentences about several settings, or `NAME: fault` about a variable that is no field's value."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("; ".join(sentences))
        self.sentences = sentences


_PREFIXES = ("Value error, ", "Assertion failed, ")
#: `Input should be`, `String should have`, and so on.
_SHOULD = re.compile(r"^[A-Z][a-z]+(?: input)? should ")
_WORDS = {"missing": "is required", "extra_forbidden": "is not a known field"}


def constraint_of(problem: ErrorDetails) -> str:
    """What the input has to be. Pydantic puts the kind of the exception before the words of our validators."""
    text = _WORDS.get(problem["type"]) or _SHOULD.sub("must ", problem["msg"])
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    return text
