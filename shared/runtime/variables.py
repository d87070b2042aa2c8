"""Variables: determines which variables of the environment are settings of a service. Pure."""

import difflib
from collections.abc import Iterable

from holdfast.shared.runtime.secret_files import file_variables

ENV_PREFIX = "HOLDFAST_"
_SERVICE_PREFIXES = ("API_", "WRITER_", "PROXY_", "DLQ_", "THIRD_PARTY_")

#: Variables that the local stack and images use themselves.
_OTHERS = {"HOLDFAST_REVISION", "HOLDFAST_LOCAL_DIR", "HOLDFAST_DLQ_URL", "HOLDFAST_DLQ_KEY"}
#: High enough that the common prefix alone does not make two names similar.
_ALIKE = 0.75


def known(settings: Iterable[str]) -> set[str]:
    """Return the variables of a service's `settings`, and the variables that may stand for them or beside them."""
    variables = {ENV_PREFIX + name.upper() for name in settings}
    return variables | file_variables(variables) | _OTHERS


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
