"""Problems: what pydantic finds wrong with an input, in our words."""

from pydantic_core import ErrorDetails

_PREFIXES = ("Value error, ", "Assertion failed, ")


def constraint_of(problem: ErrorDetails) -> str:
    """What the input has to be. Pydantic puts the kind of the exception before the words of our validators."""
    text = problem["msg"]
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    return text
