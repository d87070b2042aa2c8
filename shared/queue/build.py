"""Build: identifies the code and the declaration of a process that accepts or applies writes. An entry names the build
that accepted it; writers and apis report their own."""

from functools import cache

from holdfast.shared.domain.registry import Domain, domain
from holdfast.shared.runtime.build import build_id


def build() -> str:
    """Return the build of this process: `<version>+<revision>.<fingerprint of the declaration>`."""
    return _build(domain())


@cache
def _build(of: Domain) -> str:
    return f"{build_id()}.{of.fingerprint}"
