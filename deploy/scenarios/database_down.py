"""`make test-database-down`: the database stops, and comes back."""

from deploy.scenarios.expect import ABSENT, PRESENT, at_least, at_most, one_of
from deploy.scenarios.steps import HEALING_S, Balance, ClientWaits, ClientWrites, Request, Scenario, Start, Stop

_UNKNOWN = "0198c0de-0000-7000-8000-000000000001"

SCENARIO = Scenario(
    "database-down",
    "With the database down, writes are accepted and queued, reads are answered from marked copies, and nothing is"
    "\nguessed. When it is back, everything that was accepted is applied by itself.",
    [
        Request(
            "Before: a write is applied while the caller waits",
            "POST /users",
            201,
            {"body.success": True, "body.data.status": "applied"},
            json={"name": "Ada", "email": "ada-{run}@example.com"},
            headers={"Idempotency-Key": "scenario-{run}-ada", "Prefer": "wait=10"},
            keep={"ada": "data.id"},
            within_s=HEALING_S,
        ),
        Request(
            "and read, fresh from the database",
            "GET /users/{ada}",
            200,
            {"body.data.name": "Ada", "body.meta.pending": False, "body.meta.stale": ABSENT},
            within_s=HEALING_S,
        ),
        Stop(["database"]),
        Request(
            "A write is still accepted: it is on the queue's disk",
            "POST /users",
            202,
            {"body.data.status": "queued", "header.location": PRESENT, "seconds": at_most(2)},
            json={"name": "Eve", "email": "eve-{run}@example.com"},
            headers={"Idempotency-Key": "scenario-{run}-eve"},
            keep={"eve": "data.id", "operation": "data.operation_id"},
        ),
        Request(
            "Sent again with the same key it is the same write",
            "POST /users",
            202,
            {"header.idempotent-replayed": "true"},
            json={"name": "Eve", "email": "eve-{run}@example.com"},
            headers={"Idempotency-Key": "scenario-{run}-eve"},
        ),
        Request(
            "It can be read, marked as pending",
            "GET /users/{eve}",
            200,
            {"body.data.name": "Eve", "body.meta.pending": True, "body.meta.stale": True, "seconds": at_most(6)},
            within_s=5,
        ),
        ClientWrites(
            "For our client library it is a write that is queued, and a user that says so",
            {"name": "Joe", "email": "joe-{run}@example.com"},
            "queued",
            pending=True,
            keep="joe",
        ),
        Request(
            "A known user is read from a copy, marked as one",
            "GET /users/{ada}",
            200,
            {
                "body.data.name": "Ada",
                "body.meta.stale": True,
                "header.x-degraded": PRESENT,
                "header.age": PRESENT,
                "seconds": at_most(6),
            },
        ),
        Request(
            "An unknown id is a 503 and not a 404: the database, which might have it, did not answer",
            f"GET /users/{_UNKNOWN}",
            503,
            {"body.error.retryable": True, "header.retry-after": at_least(1)},
        ),
        Request(
            "After a few failures the circuit breaker opens, and no request waits for the database any more",
            "GET /users/{ada}",
            200,
            {
                "body.error.type": "service_unavailable",
                "body.error.code": "CIRCUIT_BREAKER_OPEN",
                "body.error.retry_after": at_least(1),
                "body.error.fallback_available": True,
                "body.fallback_data.cached_user.name": "Ada",
                "body.fallback_data.cache_age": PRESENT,
                "body.data.name": "Ada",
                "body.meta.stale": True,
                "seconds": at_most(1),
            },
            within_s=30,
        ),
        Request(
            "The breaker's state can be read",
            "GET /circuit-breaker/status",
            200,
            {"body.data.circuit_breakers[name=database].state": one_of("open", "half_open")},
        ),
        Request(
            "A caller that refuses copies learns when to retry",
            "GET /users/{ada}",
            503,
            {"header.retry-after": at_least(1), "body.error.fallback_available": one_of(False)},
            headers={"Cache-Control": "no-cache"},
        ),
        Request(
            "Health responds at once, and says what is wrong",
            "GET /health",
            200,
            {"body.data.status": "degraded", "seconds": at_most(0.5)},
        ),
        Request(
            "The write is still queued",
            "GET /operations/{operation}",
            200,
            {"body.data.status": "queued", "body.data.failed_attempts": 0},
        ),
        Start(["database"]),
        Request(
            "The write is applied by itself",
            "GET /operations/{operation}",
            200,
            {"body.data.status": "applied"},
            within_s=HEALING_S,
        ),
        ClientWaits("And our client library waits for its own", "joe", "applied"),
        Request(
            "Reads are fresh again by themselves",
            "GET /users/{ada}",
            200,
            {"body.success": True, "body.meta.pending": False, "header.x-degraded": ABSENT},
            within_s=HEALING_S,
        ),
        Request(
            "The user exists once",
            "GET /users?email=eve-{run}@example.com",
            200,
            {"body.data.#": 1, "header.x-degraded": ABSENT},
            within_s=HEALING_S,
        ),
        Request(
            "And an unknown id is a 404 again",
            f"GET /users/{_UNKNOWN}",
            404,
            {"body.error.code": "USER_NOT_FOUND"},
            within_s=HEALING_S,
        ),
        Balance(),
    ],
)
