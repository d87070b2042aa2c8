"""What the document says about `/operations`."""

from typing import Any

from holdfast.services.api.openapi.answers import ID, OPERATION_ID, TIME, VERSION, answer, errors
from holdfast.shared.errors import (
    CircuitOpen,
    DatabaseUnavailable,
    OperationNotFound,
    OperationPurged,
    QueueUnavailable,
)
from holdfast.shared.http.document import INTEGER, RETRY_AFTER, TEXT, an_object

_MAYBE = {"type": ["string", "null"]}
_SCHEMA = an_object(
    {
        "id": TEXT, "user_id": TEXT, "command": TEXT,
        "status": {"enum": ["queued", "applied", "superseded", "rejected", "expired", "dead_lettered", "discarded"]},
        "done": {"type": "boolean"}, "failed_attempts": INTEGER, "last_error": _MAYBE,
        "accepted_at": TEXT, "ended_at": _MAYBE, "waiting_s": {"type": "number"},
        "user_version": {"type": ["integer", "null"]}, "error": {"type": ["object", "null"]},
    }
)  # fmt: skip
_EXAMPLE = {
    "id": OPERATION_ID, "user_id": ID, "command": "CreateUser", "status": "applied", "done": True,
    "failed_attempts": 0, "last_error": None, "accepted_at": TIME, "ended_at": TIME, "waiting_s": 0.0,
    "user_version": VERSION, "error": None,
}  # fmt: skip

OPERATION: dict[str, Any] = {
    "tags": ["operations"],
    "summary": "What became of a write",
    "responses": answer("The operation.", _SCHEMA, _EXAMPLE, RETRY_AFTER)
    | errors(DatabaseUnavailable, CircuitOpen, QueueUnavailable, OperationNotFound, OperationPurged),
}
