"""Responses: turns an HTTP answer of the api into an event, from the documented contract alone."""

import json
from collections.abc import Mapping
from typing import Any

from tests.promises.history import End, Fail, Ok, Shown, Unknown

#: Members of an entity's data that are not fields of the resource.
_ABOUT = frozenset({"id", "operation_id", "status", "created_at", "updated_at", "version"})


def end_of(attempt: int, at_s: float, method: str, status: int, headers: Mapping[str, str], body: bytes) -> End:
    """Return the event of an answer. `headers`: with lower-case names. An answer that is not an envelope is Unknown."""
    try:
        document = json.loads(body) if body else {}
    except ValueError:
        return Unknown(at_s, attempt, "NOT_AN_ENVELOPE", status)
    if not isinstance(document, dict):
        return Unknown(at_s, attempt, "NOT_AN_ENVELOPE", status)
    if status == 304:
        return Ok(at_s, attempt, status)
    if not 200 <= status < 300:
        return _error(attempt, at_s, status, document)
    return (
        _write(attempt, at_s, status, headers, document)
        if method != "GET"
        else _read(attempt, at_s, status, headers, document)
    )


def _error(attempt: int, at_s: float, status: int, document: Mapping[str, Any]) -> End:
    error = document.get("error")
    if not isinstance(error, dict):
        return Unknown(at_s, attempt, "NOT_AN_ENVELOPE", status)
    operation_id = str((error.get("details") or {}).get("operation_id") or "")
    if error.get("definite") is not True:
        return Unknown(at_s, attempt, str(error.get("code")), status, operation_id)
    return Fail(at_s, attempt, status, str(error.get("code")), operation_id, bool(error.get("retryable")))


def _write(attempt: int, at_s: float, status: int, headers: Mapping[str, str], document: Mapping[str, Any]) -> End:
    data, meta = document.get("data") or {}, document.get("meta") or {}
    return Ok(
        at_s,
        attempt,
        status,
        operation_id=str(data.get("operation_id", "")),
        entity_id=str(data.get("id", "")),
        # After a wait, `version` is that of the entity, which may include a later write.
        version=int(meta.get("version", 0)) if status == 202 else 0,
        state=str(data.get("status", "")),
        repeated=headers.get("idempotent-replayed") == "true",
        degraded="x-degraded" in headers,
    )


def _read(attempt: int, at_s: float, status: int, headers: Mapping[str, str], document: Mapping[str, Any]) -> End:
    meta, data = document.get("meta") or {}, document.get("data")
    degraded = "x-degraded" in headers
    age = headers.get("age")
    operation = isinstance(data, dict) and "done" in data
    return Ok(
        at_s,
        attempt,
        status,
        operation_id=str(data.get("id", "")) if operation and isinstance(data, dict) else "",
        state=str(data.get("status", "")) if operation and isinstance(data, dict) else "",
        shown=() if operation else shown(data),
        pending=meta.get("pending"),
        age_s=float(meta["age_s"]) if meta.get("age_s") is not None else float(age) if age else None,
        degraded=degraded,
    )


def shown(data: Any) -> tuple[Shown, ...]:
    """Return the entities in an answer, or the third party's data with the number of its call as the version."""
    if isinstance(data, dict) and "arrival" in data:
        return (Shown("the third party's", int(data["arrival"])),)
    entities = data if isinstance(data, list) else [data]
    return tuple(
        Shown(str(each["id"]), int(each["version"]), {k: v for k, v in each.items() if k not in _ABOUT})
        for each in entities
        if isinstance(each, dict) and "version" in each and "id" in each
    )
