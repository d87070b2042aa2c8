"""Lanes: sorts requests into kinds, by method and path alone, before any work is done for them."""

from enum import StrEnum
from functools import cache

from holdfast.shared.domain.registry import domain
from holdfast.shared.http.open_paths import KEPT_PATHS, SAFE_METHODS


class Lane(StrEnum):
    """A kind of request. Requests of one lane compete with one another for room, and not with those of other lanes."""

    #: Requests that observe and control the service. They are never turned away.
    KEPT = "kept"
    WRITES = "writes"
    READS = "reads"
    #: Requests that can wait in an emergency: documents, paths that do not exist.
    REST = "rest"


_KEPT_UNDER = ("/circuit-breaker/", "/operations/")


@cache
def _served() -> tuple[str, ...]:
    """Return the prefixes of all resources' paths."""
    return tuple(f"/{resource.plural}" for resource in domain().resources)


def lane_of(method: str, path: str) -> Lane:
    """Return the lane of a request."""
    if path.startswith(_served()):
        return Lane.READS if method in SAFE_METHODS else Lane.WRITES
    if path in KEPT_PATHS or path.startswith(_KEPT_UNDER):
        return Lane.KEPT
    if method not in SAFE_METHODS:
        return Lane.WRITES
    return Lane.READS if path.startswith("/external-api") else Lane.REST
