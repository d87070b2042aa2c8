"""Read settings: the only way in which a process reads its settings. All faults are reported at once, by the names of
the variables that the operator set, and the process ends with exit code 2. Values are not repeated: one may be a
secret."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from holdfast.shared.runtime.problems import WrongTogether, constraint_of
from holdfast.shared.runtime.secret_files import Unreadable
from holdfast.shared.runtime.settings import Settings
from holdfast.shared.runtime.variables import FILE_SUFFIX, variables_of

REFUSED: Final = 2
_UNITS = {"_s": " s", "_ms": " ms", "_days": " days", "_bytes": " bytes"}
_BOUNDS = {
    "greater_than": ("gt", "above"), "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"), "less_than_equal": ("le", "at most"),
}  # fmt: skip
_WORDS = {
    "missing": "is needed, and is not set",
    "extra_forbidden": "is not known",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "model_type": "must be a JSON object",
    "url_scheme": "must begin with http:// or https://",
}

S = TypeVar("S", bound=Settings)


class Wrong(NamedTuple):
    """What is wrong with one variable, or with several together. `source`: where the value of each comes from."""

    setting: str
    source: str
    fault: str

    def __str__(self) -> str:
        return f"{self.setting} ({self.source}): {self.fault}"


def to_stderr(wrong: Iterable[Wrong]) -> None:
    """Write the faults to stderr, for commands."""
    sys.stderr.writelines(f"{each}\n" for each in wrong)


def read(model: type[S], report: Callable[[Iterable[Wrong]], None] = to_stderr) -> S:
    """Return the settings. Raises SystemExit after all faults were reported."""
    try:
        return model()
    except ValidationError as error:
        report(list(dict.fromkeys(_all_wrong(model, error))))
    raise SystemExit(REFUSED)


def _all_wrong(model: type[Settings], error: ValidationError) -> Iterator[Wrong]:
    """Yield the faults of single settings first, then those of relations between settings.

    If single settings are wrong, relations are checked with valid values in their place, and relations that involve
    such a setting are left out.
    """
    alone = [problem for problem in error.errors(include_url=False) if problem["loc"]]
    spoilt = {_field(model, str(problem["loc"][0])) for problem in alone}
    together = _together(error) or _together_without(model, spoilt)
    for problem in alone:
        yield _of_one(model, problem)
    for sentence in together:
        if not spoilt.intersection(re.findall(r"\w+", sentence)):
            yield _of_several(model, sentence)


def _of_one(model: type[Settings], problem: ErrorDetails) -> Wrong:
    if isinstance(unread := problem["input"], Unreadable):
        return Wrong(unread.variable, "environment", unread.why)
    field, *inner = map(str, problem["loc"])
    name = _field(model, field)
    return Wrong(".".join([_variable(model, name), *inner]), _source(model, name), _fault(problem))


def _together_without(model: type[Settings], spoilt: Iterable[str]) -> list[str]:
    fields = model.model_fields
    right: dict[str, Any] = {
        name: (fields[name].examples or [None])[0]
        if fields[name].is_required()
        else fields[name].get_default(call_default_factory=True)
        for name in spoilt
    }
    try:
        model(**right)
    except ValidationError as error:
        return _together(error)
    return []


def _together(error: ValidationError) -> list[str]:
    found = (problem.get("ctx", {}).get("error") for problem in error.errors(include_url=False))
    return [sentence for each in found if isinstance(each, WrongTogether) for sentence in each.sentences]


def _of_several(model: type[Settings], sentence: str) -> Wrong:
    """Return the fault for a sentence. `NAME: fault` is about a variable of the environment, any other sentence about
    the fields that it names."""
    name, _, fault = sentence.partition(": ")
    if name in os.environ:
        return Wrong(name, "environment", fault)
    # A field name of one word may also be an ordinary word of the sentence.
    names = dict.fromkeys(word for word in re.findall(r"\w+", sentence) if word in model.model_fields and "_" in word)
    for each in names:
        sentence = re.sub(rf"\b{each}\b", _variable(model, each), sentence)
    sources = dict.fromkeys(_source(model, each) for each in names)
    return Wrong(", ".join(_variable(model, each) for each in names), ", ".join(sources), sentence)


def _field(model: type[Settings], place: str) -> str:
    """Return the field that pydantic calls by its name or by one of its aliases."""
    fields = model.model_fields
    return next((name for name, field in fields.items() if place in (name, *variables_of(name, field))), place)


def _variable(model: type[Settings], name: str) -> str:
    """Return the variable that is set, or else the documented one."""
    names = variables_of(name, model.model_fields[name])
    return next((each for each in names if os.environ.get(each)), names[0])


def _source(model: type[Settings], name: str) -> str:
    asked = _variable(model, name)
    if os.environ.get(asked):
        return "environment"
    if file := os.environ.get(asked + FILE_SUFFIX):
        return f"file {file}"
    return "not set" if model.model_fields[name].is_required() else "default"


def _fault(problem: ErrorDetails) -> str:
    context, kind = problem.get("ctx", {}), problem["type"]
    if kind in _BOUNDS:
        key, word = _BOUNDS[kind]
        place = str(problem["loc"][-1]).lower()
        unit = next((unit for ending, unit in _UNITS.items() if place.endswith(ending)), "")
        return f"must be {word} {context[key]:,}".removesuffix(".0") + unit
    if kind == "literal_error":
        return f"must be {context['expected']}".replace("'", "")
    if kind in ("too_short", "string_too_short"):
        return f"must have at least {context['min_length']} characters"
    return _WORDS.get(kind) or constraint_of(problem)
