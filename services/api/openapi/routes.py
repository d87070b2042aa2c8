"""Routes: documents the routes that belong to no resource: operations, breakers, the third party."""

from typing import Any

from holdfast.services.api.openapi.answers import FRESH, ID, OPERATION_ID, TIME, VERSION, answer, errors
from holdfast.services.api.override_body import OverrideBody
from holdfast.shared.domain.registry import domain
from holdfast.shared.errors import (
    BodyTooLarge,
    BreakerNotFound,
    CircuitOpen,
    DatabaseUnavailable,
    FleetUnreachable,
    InvalidRequest,
    MalformedJson,
    OperationNotFound,
    OperationPurged,
    ProxyBusy,
    ProxyUnavailable,
    QueueUnavailable,
    UnsupportedMediaType,
    UpstreamFailed,
    UpstreamInvalidAnswer,
    UpstreamRefused,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from holdfast.shared.http.document import (
    ALLOW_FALLBACK,
    FLAG,
    INTEGER,
    MOMENT,
    NUMBER,
    RETRY_AFTER,
    TEXT,
    a_list,
    an_object,
    body,
    one_of,
    or_null,
)
from holdfast.shared.writes.commands import Create, label

_BREAKER = an_object(
    "Breaker",
    {
        "name": TEXT, "state": one_of("closed", "open", "half_open"), "service": TEXT, "instance": TEXT,
        "report": an_object("BreakerReport", {"age_s": NUMBER, "stale": FLAG}),
    },
    {"refusal": or_null(TEXT) | {"description": "The dependency's error, if it answers but refuses requests"}},
)  # fmt: skip
_STATUS = an_object(
    "BreakerStatus",
    {
        "summary": an_object("BreakerCounts", dict.fromkeys(("closed", "open", "half_open", "stale"), INTEGER)),
        "circuit_breakers": a_list(_BREAKER), "others": TEXT,
    }
)  # fmt: skip
_STATUS_EXAMPLE = {
    "summary": {"closed": 1, "open": 0, "half_open": 0, "stale": 0},
    "circuit_breakers": [
        {"name": "database", "state": "closed", "service": "api", "instance": "api", "since": TIME,
         "report": {"age_s": 0.0, "stale": False}}
    ],
    "others": "reported",
}  # fmt: skip
_IMPOSED = an_object(
    "Override",
    {"service": TEXT, "name": TEXT, "action": TEXT, "reason": TEXT, "actor": TEXT, "for_s": NUMBER,
     "reach": TEXT, "imposed_on": a_list(TEXT), "audited": FLAG},
)  # fmt: skip
_IMPOSED_EXAMPLE = {
    "service": "writer", "name": "database", "action": "force_open", "reason": "failover at 10:00", "actor": "on-call",
    "for_s": 900.0, "reach": "every replica", "imposed_on": ["writer-0", "writer-1"], "audited": True,
}  # fmt: skip

BREAKERS: dict[str, Any] = {
    "name": "list_circuit_breakers",
    "tags": ["health"],
    "summary": "List every circuit breaker of every service and replica",
    "responses": answer(
        "Each breaker's state and since when, why it opened, when it will probe, an operator's override, its"
        " last transitions, and the age of its replica's report. Breakers of the replica that answers are"
        " current.",
        _STATUS,
        _STATUS_EXAMPLE,
    )
    | errors(),
}
OVERRIDE: dict[str, Any] = {
    "name": "override_circuit_breaker",
    "tags": ["operators"],
    "summary": "Force a breaker open or closed, or let it only observe, for a limited time; lift an override;"
    " or reset a breaker",
    "description": "Needs a key with the scope `operate`. An override ends by itself; until then, replicas that"
    " start obey it, too.",
    "responses": answer(
        "The override, and the breakers it applies to: in this replica at once, in others within about a second.",
        _IMPOSED,
        _IMPOSED_EXAMPLE,
    )
    | errors(InvalidRequest, MalformedJson, UnsupportedMediaType, BodyTooLarge, BreakerNotFound, FleetUnreachable),
    "openapi_extra": body(OverrideBody, {"action": "force_open", "reason": "failover at 10:00", "for_s": 900}),
}
EXTERNAL: dict[str, Any] = {
    "name": "get_external_data",
    "tags": ["third party"],
    "summary": "Read the third party's data; if it fails, its last good answer or a default, marked as such",
    "responses": answer(
        "The data. `meta.fallback.used`: whether they are a fallback, not the third party's current answer.",
        {}, {"source": "stand-in third party", "at": TIME}, name="Data", copy="cached_data",
    )
    | errors(
        UpstreamTimeout, UpstreamUnreachable, UpstreamInvalidAnswer, UpstreamFailed, UpstreamRefused,
        UpstreamThrottled, ProxyBusy, ProxyUnavailable, CircuitOpen, InvalidRequest,
    ),
    "openapi_extra": {"parameters": [FRESH, ALLOW_FALLBACK]},
}  # fmt: skip


_OPERATION_ERROR = an_object("OperationError", {"code": TEXT, "message": TEXT, "details": {}})
_OF_EVERY = {
    "id": TEXT, "command": TEXT,
    "status": one_of("queued", "applied", "superseded", "rejected", "expired", "dead_lettered", "discarded", "lost"),
    "done": FLAG, "failed_attempts": INTEGER, "last_error": or_null(TEXT),
    "accepted_at": MOMENT, "ended_at": or_null(MOMENT), "waiting_s": NUMBER, "error": or_null(_OPERATION_ERROR),
}  # fmt: skip
_EXAMPLE = {
    "status": "applied", "done": True, "failed_attempts": 0, "last_error": None, "accepted_at": TIME, "ended_at": TIME,
    "waiting_s": 0.0, "error": None,
}  # fmt: skip


def operation() -> dict[str, Any]:
    """Return the document of the route. An operation names its entity in the words of its resource: `user_id`."""
    resources = domain().resources
    names = {f"{each.singular}_id": TEXT for each in resources}
    names |= {f"{each.singular}_version": or_null(INTEGER) for each in resources}
    first = resources[0]
    example = {
        "id": OPERATION_ID,
        f"{first.singular}_id": ID,
        "command": label(Create(first, {})),
        **_EXAMPLE,
        f"{first.singular}_version": VERSION,
    }
    only_one = len(resources) == 1
    schema = an_object("Operation", _OF_EVERY | names) if only_one else an_object("Operation", _OF_EVERY, names)
    return {
        "name": "get_operation",
        "tags": ["operations"],
        "summary": "Read what became of a write",
        "responses": answer("The operation.", schema, example, RETRY_AFTER)
        | errors(DatabaseUnavailable, CircuitOpen, QueueUnavailable, OperationNotFound, OperationPurged),
    }
