"""Resources: documents the routes of a resource, derived from its declaration."""

from typing import Any, NamedTuple

from holdfast.services.api.bodies import bodies_of
from holdfast.services.api.openapi.answers import FRESH, ID, OPERATION_ID, RATE_LIMIT, TIME, VERSION, answer, errors
from holdfast.shared.domain.errors import EntityBacklog, EntityNotFound, InvalidValue, ValueTaken
from holdfast.shared.domain.resource import Field, ResourceType
from holdfast.shared.errors import (
    AcceptanceUnknown,
    AnswerOverdue,
    AppError,
    BodyTooLarge,
    CircuitOpen,
    DatabaseUnavailable,
    InvalidCondition,
    InvalidCursor,
    InvalidParameter,
    InvalidRequest,
    KeyReused,
    MalformedJson,
    OrderUnknown,
    PreconditionFailed,
    QueueFull,
    QueueUnavailable,
    RequestInProgress,
    WriteBacklog,
    WriteExpired,
    WritesUnavailable,
)
from holdfast.shared.http.document import (
    ALLOW_FALLBACK,
    ETAG,
    INTEGER,
    MOMENT,
    RETRY_AFTER,
    TIMEOUT,
    a_list,
    an_object,
    body,
    header,
    one_of,
    or_null,
    parameter,
)

_UUID = {"type": "string", "format": "uuid"}

_LOCATION = {"Location": header("Path of the operation (202) or of what was created (201)")}
_OF_A_WRITE = {
    "Idempotent-Replayed": header(
        "`true` if this repeats the answer to an earlier request with the same Idempotency-Key"
    ),
    "Preference-Applied": header("`wait` if the answer waited for the write's outcome"),
}
_AT = f'"{VERSION}"'
_NEW = [
    parameter(
        "Idempotency-Key",
        "Makes retries safe: requests with the same key and body are one write.",
        "8f14e45f-ceea-467e",
    ),
    parameter(
        "Prefer", "`wait=N`: wait at most N seconds (N ≤ 10) for the write to take effect before answering.", "wait=5"
    ),
    TIMEOUT,
    parameter(
        "X-Expire-After-Ms",
        "Milliseconds after acceptance at which the write expires, after which it is not applied any more.",
        "60000",
    ),
]
_QUEUED = answer(
    "Accepted: the write is on disk, and will take effect exactly once.",
    an_object("WriteAccepted", {"id": _UUID, "operation_id": _UUID, "status": one_of("queued")}),
    {"id": ID, "operation_id": OPERATION_ID, "status": "queued"},
    _LOCATION | _OF_A_WRITE | RETRY_AFTER,
    status=202,
)
_READ_ERRORS = (InvalidRequest, DatabaseUnavailable, CircuitOpen)


class Documents(NamedTuple):
    """The keyword arguments of each route's decorator."""

    create: dict[str, Any]
    replace: dict[str, Any]
    update: dict[str, Any]
    delete: dict[str, Any]
    get: dict[str, Any]
    list: dict[str, Any]


def documents_of(resource: ResourceType) -> Documents:
    """Return the documents of all routes of a resource."""
    return _Writer(resource).documents()


def _entity(resource: ResourceType) -> dict[str, Any]:
    fields = {each.name: _value(each) for each in resource.fields}
    all_fields = {"id": _UUID, **fields, "created_at": MOMENT, "updated_at": MOMENT, "version": INTEGER}
    return an_object(resource.name, all_fields) | {"description": resource.summary}


def _value(field: Field) -> dict[str, Any]:
    """Return the schema of a field's value in an answer. It has the type alone, since rows of an earlier build may hold
    values that this build would refuse; but a time has one form."""
    declared = field.type.json_schema
    schema = MOMENT if declared.get("format") == "date-time" else {"type": declared["type"]}
    return schema if field.required else or_null(schema)


class _Writer:
    """Writes the documents of one resource."""

    def __init__(self, resource: ResourceType) -> None:
        self._resource = resource
        self._one = resource.one
        self._examples = {each.name: each.example.value if each.example else None for each in resource.fields}
        self._entity = _entity(resource)

    def documents(self) -> Documents:
        """Return the documents of all routes."""
        a_one, name = self._resource.a_one, self._resource.name
        bodies = bodies_of(self._resource)
        complete, some = (
            {"title": f"{name}Body"} | bodies.whole.json_schema,
            {"title": f"{name}Patch"} | bodies.part.json_schema,
        )
        whole, part = body(complete, self._sent()), body(some, self._changed())
        replaced = body(complete, self._sent() | self._changed())
        here, not_found = self._path(), EntityNotFound(self._resource)
        change = {"parameters": [*here, *_NEW, self._if_match(), self._unless()]}
        applied = self._done(200, {})
        create = errors(*self._write_errors(), *self._body_errors())
        changes = errors(*self._write_errors(), *self._body_errors(), not_found)
        return Documents(
            create=self._route(
                "create",
                f"Create {a_one}",
                _QUEUED | self._done(201, _LOCATION) | applied | create,
                whole | {"parameters": _NEW},
            ),
            replace=self._route("replace", f"Replace {a_one}", _QUEUED | applied | changes, replaced | change),
            update=self._route("update", f"Change some fields of {a_one}", _QUEUED | applied | changes, part | change),
            delete=self._route(
                "delete", f"Delete {a_one}", _QUEUED | applied | errors(*self._write_errors(), not_found), change
            ),
            get=self._route(
                "get",
                f"Read {a_one}, including accepted writes that are not applied yet",
                self._read(),
                {"parameters": [*here, self._if_none_match(), FRESH, ALLOW_FALLBACK, TIMEOUT]},
            ),
            list=self._route(
                "list",
                f"List {self._resource.many} in order of creation",
                self._list(),
                {"parameters": [FRESH, ALLOW_FALLBACK, TIMEOUT]},
                plural=True,
            ),
        )

    def _route(
        self, verb: str, summary: str, responses: dict[int | str, Any], extra: dict[str, Any], *, plural: bool = False
    ) -> dict[str, Any]:
        name = f"{verb}_{self._resource.plural if plural else self._resource.singular}"
        return {
            "name": name,
            "tags": [self._resource.plural],
            "summary": summary,
            "responses": responses,
            "openapi_extra": extra,
        }

    def _read(self) -> dict[int | str, Any]:
        return (
            answer(
                f"The {self._one}. `meta.pending`: whether an accepted write is not applied yet (null: unknown, because"
                " the queue does not answer); `meta.stale`: whether this is a copy, which may be out of date.",
                self._entity,
                self._example(),
                ETAG,
                copy=f"cached_{self._resource.singular}",
            )
            | {
                304: {
                    "description": f"The {self._one} is still at one of the ETags in If-None-Match.",
                    "headers": ETAG | RATE_LIMIT,
                }
            }
            | errors(*_READ_ERRORS, InvalidCondition, PreconditionFailed, EntityNotFound(self._resource))
        )

    def _list(self) -> dict[int | str, Any]:
        return answer(
            "A page. `meta.next_cursor`: the cursor of the next page; null on the last. Accepted writes that"
            " are not applied yet are not included.",
            a_list(self._entity),
            [self._example()],
            copy=f"cached_{self._resource.plural}",
        ) | errors(InvalidCursor, InvalidParameter, *_READ_ERRORS)

    def _done(self, status: int, headers: dict[str, Any]) -> dict[int | str, Any]:
        fields = {each.name: _value(each) for each in self._resource.fields}
        return answer(
            "The write was applied: while you waited (`Prefer: wait`), or at once because the queue is down."
            " `superseded`: newer writes had already set all its fields.",
            an_object(
                f"{self._resource.name}Written",
                {"id": _UUID, "operation_id": _UUID, "status": one_of("applied", "superseded")},
                {**fields, "created_at": MOMENT, "updated_at": MOMENT, "version": INTEGER},
            ),
            {"operation_id": OPERATION_ID, "status": "applied", **self._example()},
            ETAG | _OF_A_WRITE | headers,
            status=status,
        )

    def _write_errors(self) -> tuple[type[AppError] | AppError, ...]:
        return (
            InvalidRequest,
            InvalidCondition,
            KeyReused,
            RequestInProgress,
            PreconditionFailed,
            BodyTooLarge,
            QueueUnavailable,
            QueueFull,
            WritesUnavailable,
            OrderUnknown,
            DatabaseUnavailable,
            CircuitOpen,
            AcceptanceUnknown,
            AnswerOverdue,
            EntityBacklog(self._resource),
            WriteBacklog,
            WriteExpired,
        )

    def _body_errors(self) -> tuple[type[AppError] | AppError, ...]:
        resource = self._resource
        invalid = [
            InvalidValue(each, details={"field": each.name, "value": "invalid", "constraint": each.type.constraint})
            for each in resource.fields
        ]
        return (*invalid, MalformedJson, *(ValueTaken(field) for field in resource.unique))

    def _example(self) -> dict[str, Any]:
        """Return the example of an answer."""
        return {"id": ID, **self._examples, "created_at": TIME, "updated_at": TIME, "version": VERSION}

    def _sent(self) -> dict[str, Any]:
        return {name: value for name, value in self._examples.items() if value is not None}

    def _changed(self) -> dict[str, Any]:
        """Return the examples' changed values, or the first field's value if no example declares a change."""
        changed = {
            each.name: each.example.changed
            for each in self._resource.fields
            if each.example and each.example.changed is not None
        }
        return changed or dict(list(self._sent().items())[:1])

    def _path(self) -> list[dict[str, Any]]:
        name, about = f"{self._resource.singular}_id", f"Id of the {self._one}"
        return [{"name": name, "in": "path", "required": True, "description": about, "schema": _UUID}]

    def _if_match(self) -> dict[str, Any]:
        return parameter("If-Match", f"Apply only if the {self._one} is at one of these ETags.", _AT)

    def _unless(self) -> dict[str, Any]:
        return parameter("If-None-Match", f"Apply only if the {self._one} is at none of these ETags.", _AT)

    def _if_none_match(self) -> dict[str, Any]:
        return parameter("If-None-Match", f"Answer 304 if the {self._one} is still at one of these ETags.", _AT)
