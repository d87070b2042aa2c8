"""`make test-database-down`: the database stops, and comes back."""

from deploy.scenarios.expect import ABSENT, PRESENT, at_least, at_most, one_of
from deploy.scenarios.steps import HEALING_S, Balance, Request, Scenario, Start, Stop

_UNKNOWN = "0198c0de-0000-7000-8000-000000000001"

SCENARIO = Scenario(
    "database-down",
    "With the database down, writes are accepted and queued, reads are answered from marked copies, and nothing is"
    "\nguessed. When it is back, everything that was accepted is applied by itself.",
    [
        Request(
            what="Before: a write is applied while the caller waits",
            request="POST /users",
            json={"name": "Ada", "email": "ada-{run}@example.com"},
            headers={"Idempotency-Key": "scenario-{run}-ada", "Prefer": "wait=10"},
            expect={"status": 201, "body.success": True, "body.data.status": "applied"},
            keep={"ada": "data.id"},
            within_s=HEALING_S,
        ),
        Request(
            what="and read, fresh from the database",
            request="GET /users/{ada}",
            expect={"status": 200, "body.data.name": "Ada", "body.meta.pending": False, "body.meta.stale": ABSENT},
            within_s=HEALING_S,
        ),
        Stop(["database"]),
        Request(
            what="A write is still accepted: it is on the queue's disk",
            request="POST /users",
            json={"name": "Eve", "email": "eve-{run}@example.com"},
            headers={"Idempotency-Key": "scenario-{run}-eve"},
            expect={"status": 202, "body.data.status": "queued", "header.location": PRESENT, "seconds": at_most(2)},
            keep={"eve": "data.id", "operation": "data.operation_id"},
        ),
        Request(
            what="Sent again with the same key it is the same write",
            request="POST /users",
            json={"name": "Eve", "email": "eve-{run}@example.com"},
            headers={"Idempotency-Key": "scenario-{run}-eve"},
            expect={"status": 202, "header.idempotent-replayed": "true"},
        ),
        Request(
            what="It can be read, marked as pending",
            request="GET /users/{eve}",
            expect={"status": 200, "body.data.name": "Eve", "body.meta.pending": True, "seconds": at_most(6)},
            within_s=5,
        ),
        Request(
            what="A known user is read from a copy, marked as one",
            request="GET /users/{ada}",
            expect={"status": 200, "header.x-degraded": PRESENT, "header.age": PRESENT, "seconds": at_most(6)},
        ),
        Request(
            what="An unknown id is a 503 and not a 404: the database, which might have it, did not answer",
            request=f"GET /users/{_UNKNOWN}",
            expect={"status": 503, "body.error.retryable": True, "header.retry-after": at_least(1)},
        ),
        Request(
            what="After a few failures the circuit breaker opens, and no request waits for the database any more",
            request="GET /users/{ada}",
            expect={
                "status": 200,
                "body.error.type": "service_unavailable",
                "body.error.code": "CIRCUIT_BREAKER_OPEN",
                "body.error.retry_after": at_least(1),
                "body.error.fallback_available": True,
                "body.fallback_data.cached_user.name": "Ada",
                "body.fallback_data.cache_age": PRESENT,
                "seconds": at_most(1),
            },
            within_s=30,
        ),
        Request(
            what="The breaker's state can be read",
            request="GET /circuit-breaker/status",
            expect={"status": 200, "body.data.circuit_breakers[name=database].state": one_of("open", "half_open")},
        ),
        Request(
            what="A caller that refuses copies learns when to retry",
            request="GET /users/{ada}",
            headers={"Cache-Control": "no-cache"},
            expect={"status": 503, "header.retry-after": at_least(1), "body.error.fallback_available": one_of(False)},
        ),
        Request(
            what="Health responds at once, and says what is wrong",
            request="GET /health",
            expect={"status": 200, "body.data.status": "degraded", "seconds": at_most(0.5)},
        ),
        Request(
            what="The write is still queued",
            request="GET /operations/{operation}",
            expect={"status": 200, "body.data.status": "queued", "body.data.failed_attempts": 0},
        ),
        Start(["database"]),
        Request(
            what="The write is applied by itself",
            request="GET /operations/{operation}",
            expect={"status": 200, "body.data.status": "applied"},
            within_s=HEALING_S,
        ),
        Request(
            what="Reads are fresh again by themselves",
            request="GET /users/{ada}",
            expect={"status": 200, "body.success": True, "body.meta.pending": False, "header.x-degraded": ABSENT},
            within_s=HEALING_S,
        ),
        Request(
            what="The user exists once",
            request="GET /users?email=eve-{run}@example.com",
            expect={"status": 200, "body.data.#": 1, "header.x-degraded": ABSENT},
            within_s=HEALING_S,
        ),
        Request(
            what="And an unknown id is a 404 again",
            request=f"GET /users/{_UNKNOWN}",
            expect={"status": 404, "body.error.code": "USER_NOT_FOUND"},
            within_s=HEALING_S,
        ),
        Balance(),
    ],
)
