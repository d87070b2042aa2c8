"""`make test-redis-down`: the queue's Redis stops, then the database too, then both come back; then the cache's Redis
stops."""

from deploy.scenarios.expect import ABSENT, PRESENT, at_least, at_most
from deploy.scenarios.steps import HEALING_S, Balance, Request, Scenario, Start, Stop

_UNKNOWN = "0198c0de-0000-7000-8000-000000000001"
_EVE = {"name": "Eve", "email": "eve-{run}@example.com"}
#: An api that has just lost both stores on a busy machine may shed its first requests.
_BUSY_S = 15.0
_BOB = {"name": "Bob", "email": "bob-{run}@example.com"}

SCENARIO = Scenario(
    "redis-down",
    "With the queue down, writes go straight to the database; with the database down too, they are"
    "\ndefinitely refused. When they are back, every write has happened exactly once.",
    [
        Request(
            what="Before: a write is applied while the caller waits",
            request="POST /users",
            json={"name": "Ada", "email": "ada-{run}@example.com"},
            headers={"Idempotency-Key": "scenario-{run}-ada", "Prefer": "wait=10"},
            expect={"status": 201, "body.data.status": "applied"},
            keep={"ada": "data.id"},
            within_s=HEALING_S,
        ),
        Request(
            what="and read",
            request="GET /users/{ada}",
            expect={"status": 200, "body.meta.pending": False, "header.x-degraded": ABSENT},
            within_s=HEALING_S,
        ),
        Stop(["queue"]),
        Request(
            what="A write goes straight to the database: it is applied when the response comes",
            request="POST /users",
            json=_EVE,
            headers={"Idempotency-Key": "scenario-{run}-eve"},
            expect={"status": 201, "body.data.status": "applied", "body.meta.way": "direct", "seconds": at_most(6)},
            keep={"eve": "data.id", "operation": "data.operation_id"},
        ),
        Request(
            what="Sent again with the same key it is the same write",
            request="POST /users",
            json=_EVE,
            headers={"Idempotency-Key": "scenario-{run}-eve"},
            expect={"status": 201, "body.data.id": "{eve}", "header.idempotent-replayed": "true"},
        ),
        Request(
            what="Updates work too",
            request="PATCH /users/{ada}",
            json={"name": "Ada King"},
            expect={"status": 200, "body.data.name": "Ada King", "body.meta.way": "direct"},
        ),
        Request(
            what="Reads are fresh",
            request="GET /users/{ada}",
            expect={"status": 200, "body.data.name": "Ada King", "header.x-degraded": ABSENT, "seconds": at_most(6)},
        ),
        Request(
            what="Operations can still be read",
            request="GET /operations/{operation}",
            expect={"status": 200, "body.data.status": "applied"},
        ),
        Request(
            what="An operation that only the queue may have is a 503 and not a 404",
            request=f"GET /operations/{_UNKNOWN}",
            expect={"status": 503, "body.error.code": "QUEUE_UNAVAILABLE", "header.retry-after": at_least(1)},
        ),
        Request(
            what="Health responds at once",
            request="GET /health",
            expect={"status": 200, "seconds": at_most(0.5)},
        ),
        Stop(["database"]),
        Request(
            what="With the database down too a write is refused: retryable, with a time, and it did not happen",
            request="POST /users",
            json=_BOB,
            headers={"Idempotency-Key": "scenario-{run}-bob"},
            expect={
                "status": 503,
                "body.error.type": "service_unavailable",
                "body.error.code": "WRITES_UNAVAILABLE",
                "body.error.retryable": True,
                "body.error.definite": True,
                "header.retry-after": at_least(1),
                "seconds": at_most(6),
            },
            within_s=_BUSY_S,
        ),
        Request(
            what="A known user is read from a copy",
            request="GET /users/{ada}",
            expect={"status": 200, "header.x-degraded": PRESENT, "seconds": at_most(6)},
            within_s=_BUSY_S,
        ),
        Start(["queue", "database"]),
        Request(
            what="The refused write, sent again with its key, is accepted and applied",
            request="POST /users",
            json=_BOB,
            headers={"Idempotency-Key": "scenario-{run}-bob", "Prefer": "wait=5"},
            expect={"status": 201, "body.data.status": "applied"},
            within_s=HEALING_S,
        ),
        Request(
            what="New writes are queued again",
            request="PATCH /users/{ada}",
            json={"name": "Ada Lovelace"},
            expect={"status": 202, "body.data.status": "queued"},
            keep={"operation": "data.operation_id"},
            within_s=HEALING_S,
        ),
        Request(
            what="and are applied",
            request="GET /operations/{operation}",
            expect={"status": 200, "body.data.status": "applied"},
            within_s=HEALING_S,
        ),
        Request(
            what="The key of the direct write leads to the same user, though the queue has never seen it",
            request="POST /users",
            json=_EVE,
            headers={"Idempotency-Key": "scenario-{run}-eve", "Prefer": "wait=5"},
            expect={"body.success": True, "body.data.id": "{eve}"},
            within_s=HEALING_S,
        ),
        Request(
            what="Eve exists once",
            request="GET /users?email=eve-{run}@example.com",
            expect={"status": 200, "body.data.#": 1, "header.x-degraded": ABSENT},
            within_s=HEALING_S,
        ),
        Request(
            what="and so is Bob",
            request="GET /users?email=bob-{run}@example.com",
            expect={"status": 200, "body.data.#": 1, "header.x-degraded": ABSENT},
            within_s=HEALING_S,
        ),
        Stop(["cache"]),
        Request(
            what="The cache's Redis is no loss while the database answers: reads are fresh",
            request="GET /users/{ada}",
            expect={"status": 200, "body.data.name": "Ada Lovelace", "header.x-degraded": ABSENT},
            within_s=HEALING_S,
        ),
        Request(
            what="and writes are accepted",
            request="PATCH /users/{ada}",
            json={"name": "Ada"},
            headers={"Prefer": "wait=10"},
            expect={"status": 200, "body.data.name": "Ada"},
            within_s=HEALING_S,
        ),
        Start(["cache"]),
        Balance(),
    ],
)
