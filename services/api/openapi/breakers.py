"""What the document says about circuit breakers, and about crashing on purpose."""

from typing import Any

from holdfast.services.api.openapi.answers import TIME, answer, errors
from holdfast.services.api.override_body import OverrideBody
from holdfast.shared.errors import (
    BodyTooLarge,
    BreakerNotFound,
    FleetUnreachable,
    InvalidRequest,
    MalformedJson,
    NoSuchPath,
    UnsupportedMediaType,
)
from holdfast.shared.http.document import INTEGER, TEXT, a_list, an_object, body

_BREAKER = an_object(
    {"name": TEXT, "state": {"enum": ["closed", "open", "half_open"]}, "service": TEXT, "instance": TEXT,
     "report": an_object({"age_s": {"type": "number"}, "stale": {"type": "boolean"}})}
)  # fmt: skip
_STATUS = an_object(
    {
        "summary": an_object(dict.fromkeys(("closed", "open", "half_open", "stale"), INTEGER)),
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
    {"service": TEXT, "name": TEXT, "action": TEXT, "reason": TEXT, "actor": TEXT, "for_s": {"type": "number"},
     "reach": TEXT, "imposed_on": a_list(TEXT), "audited": {"type": "boolean"}}
)  # fmt: skip
_IMPOSED_EXAMPLE = {
    "service": "writer", "name": "database", "action": "force_open", "reason": "failover at 10:00", "actor": "on-call",
    "for_s": 900.0, "reach": "every replica", "imposed_on": ["writer-0", "writer-1"], "audited": True,
}  # fmt: skip

BREAKERS: dict[str, Any] = {
    "tags": ["health"],
    "summary": "Every circuit breaker of every service and replica",
    "responses": answer(
        "State, since when, why it opened, when it will probe, what an operator imposed, the last transitions; "
        "and how old the replica's report is. This api's own are always as of now.",
        _STATUS,
        _STATUS_EXAMPLE,
    )
    | errors(),
}
OVERRIDE: dict[str, Any] = {
    "tags": ["operators"],
    "summary": "Force a breaker open or closed, or only observe it, for a time; lift that; or reset it",
    "description": "For a key with the scope `operate`. It ends by itself; replicas that start meanwhile obey it too.",
    "responses": answer(
        "Which override applies to which breaker: here at once, elsewhere within about a second.",
        _IMPOSED,
        _IMPOSED_EXAMPLE,
    )
    | errors(InvalidRequest, MalformedJson, UnsupportedMediaType, BodyTooLarge, BreakerNotFound, FleetUnreachable),
    "openapi_extra": body(OverrideBody, {"action": "force_open", "reason": "failover at 10:00", "for_s": 900}),
}
PANIC: dict[str, Any] = {
    "tags": ["health"],
    "summary": "Crash on purpose, to see what becomes of it (demo profile only)",
    "responses": errors(NoSuchPath),
}
