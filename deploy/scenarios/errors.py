"""`make test-error-scenarios`: what the API answers when the request is wrong, when the state is not what the caller
expected, when it crashes, when there are too many requests, and when the third party fails."""

from deploy.scenarios.bad_requests import ADA, MALFORMED, VALIDATION
from deploy.scenarios.expect import ABSENT, PRESENT, at_least, at_most, holding
from deploy.scenarios.steps import HEALING_S, Balance, ExtraApi, Request, Scenario, Step

_UNKNOWN = "0198c0de-0000-7000-8000-000000000001"

#: A breaker that closed a moment ago, after another scenario, still refuses some requests.
_RAMP_S = 15.0

_STATE = [
    Request(
        what="A user, to conflict with",
        request="POST /users",
        json=ADA,
        headers={"Idempotency-Key": "scenario-{run}", "Prefer": "wait=10"},
        expect={"status": 201, "body.data.status": "applied"},
        keep={"ada": "data.id"},
        within_s=HEALING_S,
    ),
    Request(
        what="The same request with the same key: the same user, and nothing happens twice",
        request="POST /users",
        json=ADA,
        headers={"Idempotency-Key": "scenario-{run}", "Prefer": "wait=10"},
        expect={"status": 201, "body.data.id": "{ada}", "header.idempotent-replayed": "true"},
        within_s=_RAMP_S,
    ),
    Request(
        what="The same key with another body",
        request="POST /users",
        json={**ADA, "name": "Eve"},
        headers={"Idempotency-Key": "scenario-{run}"},
        expect={"status": 422, "body.error.code": "IDEMPOTENCY_KEY_REUSED", "body.error.retryable": False},
        within_s=_RAMP_S,
    ),
    Request(
        what="An e-mail address that is taken",
        request="POST /users",
        json={**ADA, "name": "Eve"},
        headers={"Prefer": "wait=10"},
        expect={"status": 409, "body.error.type": "conflict", "body.error.code": "EMAIL_TAKEN"},
        within_s=_RAMP_S,
    ),
    Request(
        what="A change of a user who does not exist",
        request=f"PATCH /users/{_UNKNOWN}",
        json={"name": "Eve"},
        headers={"Prefer": "wait=10"},
        expect={"status": 404, "body.error.code": "USER_NOT_FOUND"},
        within_s=30,
    ),
    Request(
        what="A change of another version than the user has",
        request="PATCH /users/{ada}",
        json={"name": "Eve"},
        headers={"If-Match": '"1"', "Prefer": "wait=10"},
        expect={"status": 412, "body.error.code": "PRECONDITION_FAILED"},
        within_s=_RAMP_S,
    ),
    Request(
        what="A user who does not exist",
        request=f"GET /users/{_UNKNOWN}",
        expect={"status": 404, "body.error.code": "USER_NOT_FOUND"},
        within_s=_RAMP_S,
    ),
    Request(
        what="An operation that does not exist",
        request=f"GET /operations/{_UNKNOWN}",
        expect={"status": 404, "body.error.code": "OPERATION_NOT_FOUND"},
        within_s=_RAMP_S,
    ),
    Request(
        what="Errors in the form of RFC 9457, on request",
        request=f"GET /users/{_UNKNOWN}",
        headers={"Accept": "application/problem+json"},
        expect={"status": 404, "header.content-type": "application/problem+json", "body.type": holding("urn:holdfast")},
        within_s=_RAMP_S,
    ),
]

_CRASH = [
    Request(
        what="A bug, on request: the crash is answered in the envelope, with the id that its log line has",
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
    Request(
        what="and the server goes on serving",
        request="GET /users/{ada}",
        expect={"status": 200, "body.data.name": "Ada", "seconds": at_most(2)},
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
        what="Reading more often than that: 429, and when to retry",
        request="GET /users?limit=1",
        to="limited-api",
        expect={
            "status": 429,
            "body.error.type": "rate_limit_error",
            "body.error.retryable": True,
            "body.error.definite": True,
            "header.retry-after": at_least(1),
        },
        within_s=10,
    ),
    Request(
        what="Health checks are not limited",
        request="GET /health",
        to="limited-api",
        expect={"status": 200},
    ),
]

_THIRD_PARTY: list[Step] = [
    Request(
        what="The third party, called through external_proxy",
        request="GET /external-api",
        expect={"status": 200, "body.success": True, "header.x-degraded": ABSENT},
        within_s=HEALING_S,
    ),
    Request(
        what="It fails every call, for ten seconds",
        request="PUT /behaviour",
        to="third_party",
        json={"fault": "fail", "for_s": 10},
        expect={"status": 200},
    ),
    Request(
        what="The caller gets the last good answer, marked as one",
        request="GET /external-api",
        expect={"status": 200, "header.x-degraded": PRESENT, "header.age": PRESENT, "seconds": at_most(6)},
    ),
    Request(
        what="or, when it allows no fallback, an error and when to retry",
        request="GET /external-api",
        headers={"X-Allow-Fallback": "false"},
        expect={
            "status": 502,
            "body.error.code": "UPSTREAM_FAILED",
            "body.error.retryable": True,
            "header.retry-after": at_least(1),
        },
    ),
    Request(
        what="Reads of users are not affected",
        request="GET /users/{ada}",
        expect={"status": 200, "header.x-degraded": ABSENT, "seconds": at_most(2)},
    ),
    Request(
        what="The third party recovers, and so do the answers",
        request="GET /external-api",
        expect={"status": 200, "body.success": True, "header.x-degraded": ABSENT},
        within_s=HEALING_S,
    ),
]

SCENARIO = Scenario(
    "error-scenarios",
    "Every error of a request, or of what is behind it, has one form: what, why, whether to retry, and when.",
    [*VALIDATION, *MALFORMED, *_STATE, *_CRASH, *_RATE_LIMIT, *_THIRD_PARTY, Balance()],
)
