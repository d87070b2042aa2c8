"""What the document says about `/operations`."""

from typing import Any

from holdfast.services.api.openapi.answers import ID, OPERATION_ID, TIME, VERSION, answer, errors
from holdfast.shared.domain.registry import domain
from holdfast.shared.errors import (
    CircuitOpen,
    DatabaseUnavailable,
    OperationNotFound,
    OperationPurged,
    QueueUnavailable,
)
from holdfast.shared.http.document import INTEGER, RETRY_AFTER, TEXT, an_object
from holdfast.shared.writes.commands import Create, label

_MAYBE = {"type": ["string", "null"]}
_OF_EVERY = {
    "id": TEXT, "command": TEXT,
    "status": {"enum": ["queued", "applied", "superseded", "rejected", "expired", "dead_lettered", "discarded"]},
    "done": {"type": "boolean"}, "failed_attempts": INTEGER, "last_error": _MAYBE,
    "accepted_at": TEXT, "ended_at": _MAYBE, "waiting_s": {"type": "number"}, "error": {"type": ["object", "null"]},
}  # fmt: skip
_EXAMPLE = {
    "status": "applied", "done": True, "failed_attempts": 0, "last_error": None, "accepted_at": TIME, "ended_at": TIME,
    "waiting_s": 0.0, "error": None,
}  # fmt: skip


def operation() -> dict[str, Any]:
    """Of the one route. An operation names its entity in the words of its resource: `user_id`."""
    resources = domain().resources
    names = {f"{each.singular}_id": TEXT for each in resources}
    names |= {f"{each.singular}_version": {"type": ["integer", "null"]} for each in resources}
    first = resources[0]
    example = {
        "id": OPERATION_ID, f"{first.singular}_id": ID, "command": label(Create(first, {})), **_EXAMPLE,
        f"{first.singular}_version": VERSION,
    }  # fmt: skip
    only_one = len(resources) == 1
    schema = an_object(_OF_EVERY | names) if only_one else an_object(_OF_EVERY, names)
    return {
        "tags": ["operations"],
        "summary": "What became of a write",
        "responses": answer("The operation.", schema, example, RETRY_AFTER)
        | errors(DatabaseUnavailable, CircuitOpen, QueueUnavailable, OperationNotFound, OperationPurged),
    }
