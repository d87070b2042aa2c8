"""Lanes: what kind of request it is, by method and path alone, before any work."""

from enum import StrEnum
from functools import cache

from holdfast.shared.domain.registry import domain
from holdfast.shared.http.open_paths import KEPT_PATHS, SAFE_METHODS


class Lane(StrEnum):
    """Requests of one lane compete with one another for room, and not with those of another."""

    #: How the service is seen and steered. Never turned away.
    KEPT = "kept"
    WRITES = "writes"
    READS = "reads"
    #: What can wait in an emergency: documents, paths that do not exist.
    REST = "rest"


_KEPT_UNDER = ("/circuit-breaker/", "/operations/")


@cache
def _served() -> tuple[str, ...]:
    """What the paths of all resources begin with."""
    return tuple(f"/{resource.plural}" for resource in domain().resources)


def lane_of(method: str, path: str) -> Lane:
    """The lane of a request."""
    if path.startswith(_served()):
        return Lane.READS if method in SAFE_METHODS else Lane.WRITES
    if path in KEPT_PATHS or path.startswith(_KEPT_UNDER):
        return Lane.KEPT
    if method not in SAFE_METHODS:
        return Lane.WRITES
    return Lane.READS if path.startswith("/external-api") else Lane.REST
