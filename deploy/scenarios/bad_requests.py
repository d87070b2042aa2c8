"""Requests that are wrong, as steps: fields that do not validate, and bodies that are not what they must be."""

from deploy.scenarios.expect import PRESENT, at_most
from deploy.scenarios.steps import Request

ADA = {"name": "Ada", "email": "ada-{run}@example.com"}


def _invalid(what: str, json: dict[str, object], code: str, field: str) -> Request:
    """A field that is not valid: the response says which one, and what it must be."""
    return Request(
        what=what,
        request="POST /users",
        json=json,
        expect={
            "status": 422,
            "body.error.type": "validation_error",
            "body.error.code": code,
            "body.error.details.field": field,
            "body.error.retryable": False,
        },
    )


VALIDATION = [
    _invalid("An invalid e-mail address", {**ADA, "email": "invalid"}, "INVALID_EMAIL_FORMAT", "email"),
    _invalid("An empty name", {"name": " ", "email": "a@example.com"}, "INVALID_NAME", "name"),
    _invalid("A missing field", {"name": "Ada"}, "MISSING_FIELD", "email"),
    _invalid("An unknown field", {**ADA, "role": "admin"}, "UNKNOWN_FIELD", "role"),
    _invalid("A number instead of text", {**ADA, "name": 7}, "INVALID_TYPE", "name"),
    Request(
        what="Several errors at once are all reported",
        request="POST /users",
        json={"name": "", "email": "nobody"},
        expect={"status": 422, "body.error.details.errors.#": 2},
    ),
    Request(
        what="A query parameter out of its range",
        request="GET /users?limit=1000000",
        expect={"status": 422, "body.error.code": "INVALID_PARAMETER", "body.error.details.field": "limit"},
    ),
    Request(
        what="A cursor that we never issued",
        request="GET /users?cursor=nonsense",
        expect={"status": 422, "body.error.code": "INVALID_CURSOR"},
    ),
]

MALFORMED = [
    Request(
        what="A body that is not JSON",
        request="POST /users",
        raw=b'{"name": "Ada", ',
        headers={"Content-Type": "application/json"},
        expect={"status": 400, "body.error.code": "MALFORMED_JSON"},
    ),
    Request(
        what="Bytes that are not text",
        request="POST /users",
        raw=b"\xff\xfe\x00",
        headers={"Content-Type": "application/json"},
        expect={"status": 400, "body.error.code": "MALFORMED_JSON"},
    ),
    Request(
        what="JSON ten thousand levels deep",
        request="POST /users",
        raw=b"[" * 10_000,
        headers={"Content-Type": "application/json"},
        expect={"status": 400, "body.error.code": "MALFORMED_JSON", "seconds": at_most(1)},
    ),
    Request(
        what="Another content type",
        request="POST /users",
        raw=b"name=Ada",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        expect={"status": 415, "body.error.code": "UNSUPPORTED_MEDIA_TYPE"},
    ),
    Request(
        what="A body that is too large",
        request="POST /users",
        raw=b'{"name": "' + b"x" * 100_000 + b'"}',
        headers={"Content-Type": "application/json"},
        expect={"status": 413, "body.error.code": "BODY_TOO_LARGE"},
    ),
    Request(
        what="A method that the path does not have",
        request="PATCH /users",
        expect={"status": 405, "body.error.code": "METHOD_NOT_ALLOWED", "header.allow": PRESENT},
    ),
    Request(
        what="An unknown path",
        request="GET /nowhere",
        expect={"status": 404, "body.error.type": "not_found", "body.error.code": "PATH_NOT_FOUND"},
    ),
]
