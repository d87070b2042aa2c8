"""`make test-error-scenarios`: what the API answers when the request is wrong, when the state is not what the caller
expected, when it crashes, when there are too many requests, and when the third party fails."""

from deploy.scenarios.bad_requests import ADA, MALFORMED, VALIDATION
from deploy.scenarios.expect import ABSENT, PRESENT, at_least, at_most, holding
from deploy.scenarios.steps import HEALING_S, Balance, ExtraApi, Request, Scenario, Step

_UNKNOWN = "0198c0de-0000-7000-8000-000000000001"
#: The id contains no time. For an operation older than what the database keeps, the answer would be 410.
_UNKNOWN_OPERATION = "5c3a7b7e-0d4f-4c6e-9b1d-2f6a8e4d7c10"

#: A breaker that has just closed after another scenario still refuses some requests.
_RAMP_S = 15.0
#: Replicas share their last good answer about once a second. The fault lasts longer than that.
_HANDED_ON_S = 5.0

_STATE = [
    Request(
        "A user, to conflict with",
        "POST /users",
        201,
        {"body.data.status": "applied"},
        json=ADA,
        headers={"Idempotency-Key": "scenario-{run}", "Prefer": "wait=10"},
        keep={"ada": "data.id"},
        within_s=HEALING_S,
    ),
    Request(
        "The same request with the same key: the same user, and nothing happens twice",
        "POST /users",
        201,
        {"body.data.id": "{ada}", "header.idempotent-replayed": "true"},
        json=ADA,
        headers={"Idempotency-Key": "scenario-{run}", "Prefer": "wait=10"},
        within_s=_RAMP_S,
    ),
    Request(
        "The same key with another body",
        "POST /users",
        422,
        {"body.error.code": "IDEMPOTENCY_KEY_REUSED", "body.error.retryable": False},
        json={**ADA, "name": "Eve"},
        headers={"Idempotency-Key": "scenario-{run}"},
        within_s=_RAMP_S,
    ),
    Request(
        "An e-mail address that is taken",
        "POST /users",
        409,
        {"body.error.type": "conflict", "body.error.code": "EMAIL_TAKEN"},
        json={**ADA, "name": "Eve"},
        headers={"Prefer": "wait=10"},
        within_s=_RAMP_S,
    ),
    Request(
        "A change of a user who does not exist",
        f"PATCH /users/{_UNKNOWN}",
        404,
        {"body.error.code": "USER_NOT_FOUND"},
        json={"name": "Eve"},
        headers={"Prefer": "wait=10"},
        within_s=30,
    ),
    Request(
        "A change of another version than the user has",
        "PATCH /users/{ada}",
        412,
        {"body.error.code": "PRECONDITION_FAILED"},
        json={"name": "Eve"},
        headers={"If-Match": '"1"', "Prefer": "wait=10"},
        within_s=_RAMP_S,
    ),
    Request(
        "A user who does not exist",
        f"GET /users/{_UNKNOWN}",
        404,
        {"body.error.code": "USER_NOT_FOUND"},
        within_s=_RAMP_S,
    ),
    Request(
        "An operation that does not exist",
        f"GET /operations/{_UNKNOWN_OPERATION}",
        404,
        {"body.error.code": "OPERATION_NOT_FOUND"},
        within_s=_RAMP_S,
    ),
    Request(
        "Errors in the form of RFC 9457, on request",
        f"GET /users/{_UNKNOWN}",
        404,
        {"header.content-type": "application/problem+json", "body.type": holding("urn:holdfast")},
        headers={"Accept": "application/problem+json"},
        within_s=_RAMP_S,
    ),
]

_CRASH = [
    Request(
        "A bug, on request: the crash is answered in the envelope, with the id that its log line has",
        "GET /panic",
        500,
        {
            "body.error.type": "internal_error",
            "body.error.definite": False,
            "body.error.request_id": "scenario-{run}",
            "header.x-request-id": "scenario-{run}",
        },
        headers={"X-Request-ID": "scenario-{run}"},
    ),
    Request(
        "and the server goes on serving",
        "GET /users/{ada}",
        200,
        {"body.data.name": "Ada", "seconds": at_most(2)},
        within_s=_RAMP_S,
    ),
]

_RATE_LIMIT: list[Step] = [
    ExtraApi(
        "limited-api",
        "one more api, which lets a caller read twice a minute",
        {"HOLDFAST_API_RATE_READS_PER_MIN": "2"},
    ),
    Request(
        "Reading more often than that: 429, and when to retry",
        "GET /users?limit=1",
        429,
        {
            "body.error.type": "rate_limit_error",
            "body.error.retryable": True,
            "body.error.definite": True,
            "header.retry-after": at_least(1),
        },
        to="limited-api",
        within_s=10,
    ),
    Request(
        "Health checks are not limited",
        "GET /health",
        200,
        to="limited-api",
    ),
]

_THIRD_PARTY: list[Step] = [
    Request(
        "The third party, called through external_proxy",
        "GET /external-api",
        200,
        {"body.success": True, "header.x-degraded": ABSENT},
        within_s=HEALING_S,
    ),
    Request(
        "It fails every call, for ten seconds",
        "PUT /behaviour",
        200,
        to="third_party",
        json={"fault": "fail", "for_s": 10},
    ),
    Request(
        "The caller gets the last good answer, marked as one",
        "GET /external-api",
        200,
        {"body.meta.stale": True, "header.x-degraded": PRESENT, "header.age": PRESENT, "seconds": at_most(6)},
        within_s=_HANDED_ON_S,
    ),
    Request(
        "or, when it allows no fallback, an error and when to retry",
        "GET /external-api",
        502,
        {"body.error.code": "UPSTREAM_FAILED", "body.error.retryable": True, "header.retry-after": at_least(1)},
        headers={"X-Allow-Fallback": "false"},
    ),
    Request(
        "Reads of users are not affected",
        "GET /users/{ada}",
        200,
        {"header.x-degraded": ABSENT, "seconds": at_most(2)},
    ),
    Request(
        "The third party recovers, and so do the answers",
        "GET /external-api",
        200,
        {"body.success": True, "header.x-degraded": ABSENT},
        within_s=HEALING_S,
    ),
]

SCENARIO = Scenario(
    "error-scenarios",
    "Every error of a request, or of what is behind it, has one form: what, why, whether to retry, and when.",
    [*VALIDATION, *MALFORMED, *_STATE, *_CRASH, *_RATE_LIMIT, *_THIRD_PARTY, Balance()],
)
