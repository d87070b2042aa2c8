"""`make test-error-scenarios`: what the API says when the request is wrong, when the world is not as the caller
thought, when it crashes, when there is too much, and when somebody else's service fails."""

from deploy.scenarios.expect import ABSENT, PRESENT, at_least, at_most, holding
from deploy.scenarios.steps import HEALING_S, Ask, Balance, Beside, Scenario, Step

_NOBODY = "0198c0de-0000-7000-8000-000000000001"
_ADA = {"name": "Ada", "email": "ada-{run}@example.com"}


def _invalid(what: str, json: dict[str, object], code: str, field: str) -> Ask:
    """A field of a user that is wrong: the answer says which one, and what it must be."""
    return Ask(
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


_VALIDATION = [
    _invalid("An e-mail address that is none", {**_ADA, "email": "invalid"}, "INVALID_EMAIL_FORMAT", "email"),
    _invalid("A name that is empty", {"name": " ", "email": "a@example.com"}, "INVALID_NAME", "name"),
    _invalid("A field that is missing", {"name": "Ada"}, "MISSING_FIELD", "email"),
    _invalid("A field that nobody knows", {**_ADA, "role": "admin"}, "UNKNOWN_FIELD", "role"),
    _invalid("A number where text must be", {**_ADA, "name": 7}, "INVALID_TYPE", "name"),
    Ask(
        what="Several at once are all told",
        request="POST /users",
        json={"name": "", "email": "nobody"},
        expect={"status": 422, "body.error.details.errors.#": 2},
    ),
    Ask(
        what="A query parameter out of its range",
        request="GET /users?limit=1000000",
        expect={"status": 422, "body.error.code": "INVALID_PARAMETER", "body.error.details.field": "limit"},
    ),
    Ask(
        what="A cursor that we never gave out",
        request="GET /users?cursor=nonsense",
        expect={"status": 422, "body.error.code": "INVALID_CURSOR"},
    ),
]

_MALFORMED = [
    Ask(
        what="A body that is not JSON",
        request="POST /users",
        raw=b'{"name": "Ada", ',
        headers={"Content-Type": "application/json"},
        expect={"status": 400, "body.error.code": "MALFORMED_JSON"},
    ),
    Ask(
        what="Bytes that are no text",
        request="POST /users",
        raw=b"\xff\xfe\x00",
        headers={"Content-Type": "application/json"},
        expect={"status": 400, "body.error.code": "MALFORMED_JSON"},
    ),
    Ask(
        what="JSON ten thousand levels deep",
        request="POST /users",
        raw=b"[" * 10_000,
        headers={"Content-Type": "application/json"},
        expect={"status": 400, "body.error.code": "MALFORMED_JSON", "seconds": at_most(1)},
    ),
    Ask(
        what="Another content type",
        request="POST /users",
        raw=b"name=Ada",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        expect={"status": 415, "body.error.code": "UNSUPPORTED_MEDIA_TYPE"},
    ),
    Ask(
        what="A body that is too large",
        request="POST /users",
        raw=b'{"name": "' + b"x" * 100_000 + b'"}',
        headers={"Content-Type": "application/json"},
        expect={"status": 413, "body.error.code": "BODY_TOO_LARGE"},
    ),
    Ask(
        what="A method that the path does not have",
        request="PATCH /users",
        expect={"status": 405, "body.error.code": "METHOD_NOT_ALLOWED", "header.allow": PRESENT},
    ),
    Ask(
        what="A path that is none",
        request="GET /nowhere",
        expect={"status": 404, "body.error.type": "not_found", "body.error.code": "PATH_NOT_FOUND"},
    ),
]

#: A breaker that has closed a moment ago, after another scenario, still refuses some.
_RAMP_S = 15.0

_WORLD = [
    Ask(
        what="A user, to have something to disagree with",
        request="POST /users",
        json=_ADA,
        headers={"Idempotency-Key": "scenario-{run}", "Prefer": "wait=10"},
        expect={"status": 201, "body.data.status": "applied"},
        keep={"ada": "data.id"},
        within_s=HEALING_S,
    ),
    Ask(
        what="The same request with the same key: the same user, and nothing done twice",
        request="POST /users",
        json=_ADA,
        headers={"Idempotency-Key": "scenario-{run}", "Prefer": "wait=10"},
        expect={"status": 201, "body.data.id": "{ada}", "header.idempotent-replayed": "true"},
        within_s=_RAMP_S,
    ),
    Ask(
        what="The same key with another body",
        request="POST /users",
        json={**_ADA, "name": "Eve"},
        headers={"Idempotency-Key": "scenario-{run}"},
        expect={"status": 422, "body.error.code": "IDEMPOTENCY_KEY_REUSED", "body.error.retryable": False},
        within_s=_RAMP_S,
    ),
    Ask(
        what="An e-mail address that somebody has",
        request="POST /users",
        json={**_ADA, "name": "Eve"},
        headers={"Prefer": "wait=10"},
        expect={"status": 409, "body.error.type": "conflict", "body.error.code": "EMAIL_TAKEN"},
        within_s=_RAMP_S,
    ),
    Ask(
        what="A change of a user who is not there",
        request=f"PATCH /users/{_NOBODY}",
        json={"name": "Nobody"},
        headers={"Prefer": "wait=10"},
        expect={"status": 404, "body.error.code": "USER_NOT_FOUND"},
        within_s=30,
    ),
    Ask(
        what="A change of a version that is not the user's",
        request="PATCH /users/{ada}",
        json={"name": "Eve"},
        headers={"If-Match": '"1"', "Prefer": "wait=10"},
        expect={"status": 412, "body.error.code": "PRECONDITION_FAILED"},
        within_s=_RAMP_S,
    ),
    Ask(
        what="A user who is not there",
        request=f"GET /users/{_NOBODY}",
        expect={"status": 404, "body.error.code": "USER_NOT_FOUND"},
        within_s=_RAMP_S,
    ),
    Ask(
        what="An operation that is not there",
        request=f"GET /operations/{_NOBODY}",
        expect={"status": 404, "body.error.code": "OPERATION_NOT_FOUND"},
        within_s=_RAMP_S,
    ),
    Ask(
        what="Errors in the form of RFC 9457, for those who ask for it",
        request=f"GET /users/{_NOBODY}",
        headers={"Accept": "application/problem+json"},
        expect={"status": 404, "header.content-type": "application/problem+json", "body.type": holding("urn:holdfast")},
        within_s=_RAMP_S,
    ),
]

_CRASH = [
    Ask(
        what="A bug, on request: the crash is answered in the envelope, with an id to find it by in the log",
        request="GET /panic",
        headers={"X-Request-ID": "scenario-{run}"},
        expect={
            "status": 500,
            "body.error.type": "internal_error",
            "body.error.definite": False,
            "body.error.request_id": "scenario-{run}",
            "header.x-request-id": "scenario-{run}",
        },
    ),
    Ask(
        what="and the server goes on",
        request="GET /users/{ada}",
        expect={"status": 200, "body.data.name": "Ada", "seconds": at_most(2)},
        within_s=_RAMP_S,
    ),
]

_TOO_MUCH: list[Step] = [
    Beside(
        "limited-api",
        "an api beside it that lets a caller read twice a minute",
        {"HOLDFAST_API_RATE_READS_PER_MIN": "2"},
    ),
    Ask(
        what="Reading more often than that: 429, and when to come back",
        request="GET /users?limit=1",
        of="limited-api",
        expect={
            "status": 429,
            "body.error.type": "rate_limit_error",
            "body.error.retryable": True,
            "body.error.definite": True,
            "header.retry-after": at_least(1),
        },
        within_s=10,
    ),
    Ask(
        what="Its health is nobody's quota",
        request="GET /health",
        of="limited-api",
        expect={"status": 200},
    ),
]

_SOMEBODY_ELSE: list[Step] = [
    Ask(
        what="Somebody else's service, asked through external_proxy",
        request="GET /external-api",
        expect={"status": 200, "body.success": True, "header.x-degraded": ABSENT},
        within_s=HEALING_S,
    ),
    Ask(
        what="It begins to fail, every time, for ten seconds",
        request="PUT /behaviour",
        of="third_party",
        json={"fault": "fail", "for_s": 10},
        expect={"status": 200},
    ),
    Ask(
        what="The caller gets the last good answer, which says so",
        request="GET /external-api",
        expect={"status": 200, "header.x-degraded": PRESENT, "header.age": PRESENT, "seconds": at_most(6)},
    ),
    Ask(
        what="or, who wants it fresh or not at all, an error and when to come back",
        request="GET /external-api",
        headers={"X-Allow-Fallback": "false"},
        expect={
            "status": 502,
            "body.error.code": "UPSTREAM_FAILED",
            "body.error.retryable": True,
            "header.retry-after": at_least(1),
        },
    ),
    Ask(
        what="Our own users are not concerned",
        request="GET /users/{ada}",
        expect={"status": 200, "header.x-degraded": ABSENT, "seconds": at_most(2)},
    ),
    Ask(
        what="It is well again, and so are the answers",
        request="GET /external-api",
        expect={"status": 200, "body.success": True, "header.x-degraded": ABSENT},
        within_s=HEALING_S,
    ),
]

SCENARIO = Scenario(
    "error-scenarios",
    "Everything that can be wrong with a request, or behind it, is said in one form: what, why, whether it is worth"
    "\ntrying again, and when.",
    [*_VALIDATION, *_MALFORMED, *_WORLD, *_CRASH, *_TOO_MUCH, *_SOMEBODY_ELSE, Balance()],
)
