"""Invalid requests as steps: fields that do not validate, and bodies of the wrong form."""

from deploy.scenarios.expect import PRESENT, at_most
from deploy.scenarios.steps import Request

ADA = {"name": "Ada", "email": "ada-{run}@example.com"}


def _invalid(what: str, json: dict[str, object], code: str, field: str) -> Request:
    """Return a step with one invalid field. The response names the field, and says what it must be."""
    return Request(
        what,
        "POST /users",
        422,
        {
            "body.error.type": "validation_error",
            "body.error.code": code,
            "body.error.details.field": field,
            "body.error.retryable": False,
        },
        json=json,
    )


VALIDATION = [
    _invalid("An invalid e-mail address", {**ADA, "email": "invalid"}, "INVALID_EMAIL_FORMAT", "email"),
    _invalid("An empty name", {"name": " ", "email": "a@example.com"}, "INVALID_NAME", "name"),
    _invalid("A missing field", {"name": "Ada"}, "MISSING_FIELD", "email"),
    _invalid("An unknown field", {**ADA, "role": "admin"}, "UNKNOWN_FIELD", "role"),
    _invalid("A number instead of text", {**ADA, "name": 7}, "INVALID_TYPE", "name"),
    Request(
        "Several errors at once are all reported",
        "POST /users",
        422,
        {"body.error.details.errors.#": 2},
        json={"name": "", "email": "nobody"},
    ),
    Request(
        "A query parameter out of its range",
        "GET /users?limit=1000000",
        422,
        {"body.error.code": "INVALID_PARAMETER", "body.error.details.field": "limit"},
    ),
    Request(
        "A cursor that we never issued",
        "GET /users?cursor=nonsense",
        422,
        {"body.error.code": "INVALID_CURSOR"},
    ),
]

MALFORMED = [
    Request(
        "A body that is not JSON",
        "POST /users",
        400,
        {"body.error.code": "MALFORMED_JSON"},
        raw=b'{"name": "Ada", ',
        headers={"Content-Type": "application/json"},
    ),
    Request(
        "Bytes that are not text",
        "POST /users",
        400,
        {"body.error.code": "MALFORMED_JSON"},
        raw=b"\xff\xfe\x00",
        headers={"Content-Type": "application/json"},
    ),
    Request(
        "JSON ten thousand levels deep",
        "POST /users",
        422,
        {"body.error.code": "DOCUMENT_TOO_LARGE", "body.error.details.budget": "depth", "seconds": at_most(1)},
        raw=b"[" * 10_000,
        headers={"Content-Type": "application/json"},
    ),
    Request(
        "Another content type",
        "POST /users",
        415,
        {"body.error.code": "UNSUPPORTED_MEDIA_TYPE"},
        raw=b"name=Ada",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    ),
    Request(
        "A body that is too large",
        "POST /users",
        413,
        {"body.error.code": "BODY_TOO_LARGE"},
        raw=b'{"name": "' + b"x" * 100_000 + b'"}',
        headers={"Content-Type": "application/json"},
    ),
    Request(
        "A method that the path does not have",
        "PATCH /users",
        405,
        {"body.error.code": "METHOD_NOT_ALLOWED", "header.allow": PRESENT},
    ),
    Request(
        "An unknown path",
        "GET /nowhere",
        404,
        {"body.error.type": "not_found", "body.error.code": "PATH_NOT_FOUND"},
    ),
]
