"""Variables: the variables of the environment that are settings of a service. Pure."""

import difflib
from collections.abc import Iterable

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

ENV_PREFIX = "HOLDFAST_"
#: `NAME_FILE` names the file that holds the value of `NAME`.
FILE_SUFFIX = "_FILE"
_SERVICE_PREFIXES = ("API_", "WRITER_", "PROXY_", "DLQ_", "THIRD_PARTY_")

#: Variables that the local stack and images use themselves.
_OTHERS = {"HOLDFAST_REVISION", "HOLDFAST_LOCAL_DIR", "HOLDFAST_DLQ_URL", "HOLDFAST_DLQ_KEY"}
#: High enough that the common prefix alone does not make two names similar.
_ALIKE = 0.75


def variable_of(name: str, field: FieldInfo) -> str:
    """Return the documented variable of a field."""
    return variables_of(name, field)[0]


def variables_of(name: str, field: FieldInfo) -> list[str]:
    """Return all variables that set a field; the documented one first."""
    alias = field.validation_alias
    choices = [str(each) for each in alias.choices] if isinstance(alias, AliasChoices) else []
    return [*choices, f"{ENV_PREFIX}{name}".upper()]


def known(settings: Iterable[str]) -> set[str]:
    """Return the variables of a service's `settings`, and the variables that may stand for them or beside them."""
    variables = {ENV_PREFIX + name.upper() for name in settings}
    return variables | {name + FILE_SUFFIX for name in variables} | _OTHERS


def unknown(variables: Iterable[str], known: set[str], own_prefix: str) -> dict[str, str]:
    """Return the `variables` that are neither `known` nor, by their prefix, another service's, each with what is
    wrong."""
    others = tuple(ENV_PREFIX + prefix for prefix in _SERVICE_PREFIXES if prefix != own_prefix)
    names = {
        name for name in variables if name.startswith(ENV_PREFIX) and name not in known and not name.startswith(others)
    }
    return {name: _not_known(name, known) for name in sorted(names)}


def _not_known(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), 1, _ALIKE)
    return f"is not known; the nearest name is {near[0]}" if near else "is not known"
