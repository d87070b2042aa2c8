"""`make test-redis-down`: the queue's Redis stops, then the database too, then both come back; then the cache's Redis
stops."""

from deploy.scenarios.expect import ABSENT, PRESENT, at_least, at_most
from deploy.scenarios.steps import HEALING_S, Balance, Request, Scenario, Start, Stop

_UNKNOWN = "0198c0de-0000-7000-8000-000000000001"
_EVE = {"name": "Eve", "email": "eve-{run}@example.com"}
_BOB = {"name": "Bob", "email": "bob-{run}@example.com"}

SCENARIO = Scenario(
    "redis-down",
    "With the queue down, writes go straight to the database; with the database down too, they are"
    "\ndefinitely refused. When they are back, every write has happened exactly once.",
    [
        Request(
            "Before: a write is applied while the caller waits",
            "POST /users",
            201,
            {"body.data.status": "applied"},
            json={"name": "Ada", "email": "ada-{run}@example.com"},
            headers={"Idempotency-Key": "scenario-{run}-ada", "Prefer": "wait=10"},
            keep={"ada": "data.id"},
            within_s=HEALING_S,
        ),
        Request(
            "and read",
            "GET /users/{ada}",
            200,
            {"body.meta.pending": False, "header.x-degraded": ABSENT},
            within_s=HEALING_S,
        ),
        Stop(["queue"]),
        Request(
            "A write goes straight to the database: it is applied when the response comes",
            "POST /users",
            201,
            {"body.data.status": "applied", "body.meta.way": "direct", "seconds": at_most(6)},
            json=_EVE,
            headers={"Idempotency-Key": "scenario-{run}-eve"},
            keep={"eve": "data.id", "operation": "data.operation_id"},
        ),
        Request(
            "Sent again with the same key it is the same write",
            "POST /users",
            201,
            {"body.data.id": "{eve}", "header.idempotent-replayed": "true"},
            json=_EVE,
            headers={"Idempotency-Key": "scenario-{run}-eve"},
        ),
        Request(
            "Updates work too",
            "PATCH /users/{ada}",
            200,
            {"body.data.name": "Ada King", "body.meta.way": "direct"},
            json={"name": "Ada King"},
        ),
        Request(
            "Reads are fresh",
            "GET /users/{ada}",
            200,
            {"body.data.name": "Ada King", "header.x-degraded": ABSENT, "seconds": at_most(6)},
        ),
        Request(
            "Operations can still be read",
            "GET /operations/{operation}",
            200,
            {"body.data.status": "applied"},
        ),
        Request(
            "An operation that only the queue may have is a 503 and not a 404",
            f"GET /operations/{_UNKNOWN}",
            503,
            {"body.error.code": "QUEUE_UNAVAILABLE", "header.retry-after": at_least(1)},
        ),
        Request(
            "Health responds at once",
            "GET /health",
            200,
            {"seconds": at_most(0.5)},
        ),
        Stop(["database"]),
        Request(
            "With the database down too a write is refused: retryable, with a time, and it did not happen",
            "POST /users",
            503,
            {
                "body.error.type": "service_unavailable",
                "body.error.code": "WRITES_UNAVAILABLE",
                "body.error.retryable": True,
                "body.error.definite": True,
                "header.retry-after": at_least(1),
                "seconds": at_most(6),
            },
            json=_BOB,
            headers={"Idempotency-Key": "scenario-{run}-bob"},
        ),
        Request(
            "A known user is read from a copy",
            "GET /users/{ada}",
            200,
            {"body.meta.stale": True, "header.x-degraded": PRESENT, "seconds": at_most(6)},
        ),
        Start(["queue", "database"]),
        Request(
            "The refused write, sent again with its key, is accepted and applied",
            "POST /users",
            201,
            {"body.data.status": "applied"},
            json=_BOB,
            headers={"Idempotency-Key": "scenario-{run}-bob", "Prefer": "wait=5"},
            within_s=HEALING_S,
        ),
        Request(
            "New writes are queued again",
            "PATCH /users/{ada}",
            202,
            {"body.data.status": "queued"},
            json={"name": "Ada Lovelace"},
            keep={"operation": "data.operation_id"},
            within_s=HEALING_S,
        ),
        Request(
            "and are applied",
            "GET /operations/{operation}",
            200,
            {"body.data.status": "applied"},
            within_s=HEALING_S,
        ),
        Request(
            "The key of the direct write leads to the same user, though the queue has never seen it",
            "POST /users",
            None,
            {"body.success": True, "body.data.id": "{eve}"},
            json=_EVE,
            headers={"Idempotency-Key": "scenario-{run}-eve", "Prefer": "wait=5"},
            within_s=HEALING_S,
        ),
        Request(
            "Eve exists once",
            "GET /users?email=eve-{run}@example.com",
            200,
            {"body.data.#": 1, "header.x-degraded": ABSENT},
            within_s=HEALING_S,
        ),
        Request(
            "and so is Bob",
            "GET /users?email=bob-{run}@example.com",
            200,
            {"body.data.#": 1, "header.x-degraded": ABSENT},
            within_s=HEALING_S,
        ),
        Stop(["cache"]),
        Request(
            "The cache's Redis is no loss while the database answers: reads are fresh",
            "GET /users/{ada}",
            200,
            {"body.data.name": "Ada Lovelace", "header.x-degraded": ABSENT},
            within_s=HEALING_S,
        ),
        Request(
            "and writes are accepted",
            "PATCH /users/{ada}",
            200,
            {"body.data.name": "Ada"},
            json={"name": "Ada"},
            headers={"Prefer": "wait=10"},
            within_s=HEALING_S,
        ),
        Start(["cache"]),
        Balance(),
    ],
)
