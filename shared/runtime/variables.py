"""Variables: which variables of the environment are settings of a service. Pure."""

from collections.abc import Iterable

from holdfast.shared.runtime.secret_files import file_variables

ENV_PREFIX = "HOLDFAST_"
_SERVICE_PREFIXES = ("API_", "WRITER_", "PROXY_", "DLQ_", "THIRD_PARTY_")

#: Variables that the local stack and images use themselves.
_OTHERS = {"HOLDFAST_REVISION", "HOLDFAST_LOCAL_DIR", "HOLDFAST_DLQ_URL", "HOLDFAST_DLQ_KEY"}


def unknown(variables: Iterable[str], settings: Iterable[str], own_prefix: str) -> set[str]:
    """Those of `variables` that are neither among a service's `settings` nor, by their prefix, another service's."""
    others = tuple(ENV_PREFIX + prefix for prefix in _SERVICE_PREFIXES if prefix != own_prefix)
    known = {ENV_PREFIX + name.upper() for name in settings}
    known |= file_variables(known) | _OTHERS
    return {
        name for name in variables if name.startswith(ENV_PREFIX) and name not in known and not name.startswith(others)
    }
