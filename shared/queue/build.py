"""The build of a process that accepts or applies writes: its code, and what is declared. An entry names the build that
accepted it; writers and apis name theirs."""

from functools import cache

from holdfast.shared.domain.registry import Domain, domain
from holdfast.shared.runtime.build import build_id


def build() -> str:
    """This process's own: `<version>+<revision>.<fingerprint of the declaration>`."""
    return _build(domain())


@cache
def _build(of: Domain) -> str:
    return f"{build_id()}.{of.fingerprint}"
