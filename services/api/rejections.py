"""Rejections: turns a rejected write into the error that a client gets, at once or on its operation."""

from collections.abc import Mapping
from typing import Any

from holdfast.shared.domain.errors import error_of_resource
from holdfast.shared.domain.resource import ResourceType
from holdfast.shared.errors import AppError, KeyReused, PreconditionFailed, WriteExpired, WriteRejected
from holdfast.shared.http.etag import IF_MATCH, IF_NONE_MATCH, etag
from holdfast.shared.writes.outcome import Rejected

_ERRORS: dict[str, type[AppError]] = {error.code: error for error in (KeyReused, WriteExpired)}


def error_of(
    rejected: Rejected, operation_id: str, resource: ResourceType | None, values: Mapping[str, Any] = {}
) -> AppError:
    """Return the error that a write was rejected with. `resource`: its resource, None if this build does not know it;
    `values`: those of its command, if they are available."""
    details = {"operation_id": operation_id, **details_of(rejected)}
    if rejected.code == PreconditionFailed.code:
        return PreconditionFailed(**details)
    if (general := _ERRORS.get(rejected.code)) is not None:
        return general(details=details)
    own = error_of_resource(resource, rejected.code, values, details) if resource else None
    return own or WriteRejected(rejected.code, details=details)


def details_of(rejected: Rejected) -> dict[str, Any]:
    """Return the details as answers show them. Those of an unmet condition have the same form as in a 412."""
    detail = rejected.detail
    if rejected.code != PreconditionFailed.code:
        return detail
    found = detail.get("found")
    return {"field": IF_MATCH if "expected" in detail else IF_NONE_MATCH, "current": etag(found) if found else None}
