"""Made: a run of a system that keeps every promise, generated from a seed to test the checks."""

import random
from dataclasses import dataclass, field
from typing import Any

from tests.promises.final import Arrival, Ended, Entity, Final, Row
from tests.promises.history import AtRest, Event, Fail, Fault, Invoke, Ok, Shown, Unknown
from tests.promises.sequential_model import APPLIED, Accepted, SequentialModel

_CODES = {"EXISTS": "USER_EXISTS", "NOT_FOUND": "USER_NOT_FOUND", "TAKEN": "EMAIL_TAKEN"}


@dataclass
class Made:
    """A system with one client and no faults that matter: each write is applied in the order of acceptance."""

    chance: random.Random
    events: list[Event] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    model: SequentialModel = field(default_factory=SequentialModel)
    at_s: float = 0.0
    count: int = 0
    deleted: dict[str, int] = field(default_factory=dict)
    created: dict[str, int] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)

    def step(self) -> float:
        """Let time pass, and return the new time."""
        self.at_s += self.chance.uniform(0.01, 1)
        return self.at_s

    def send(self, method: str, path: str, **more: Any) -> int:
        """Send a request, and return the number of the attempt."""
        self.count += 1
        self.events.append(Invoke(self.step(), self.count, "ann", "api-1", method, path, **more))
        return self.count

    def write(self, method: str = "") -> str:
        """Send a write, perhaps after attempts without an answer, and return its operation."""
        ids = list(self.model.entities)
        method = method or self.chance.choice(["POST", "PATCH", "PUT", "DELETE"] if ids else ["POST"])
        number = self.count
        entity_id = f"user-{number}" if method == "POST" else self.chance.choice(ids)
        values = {"name": f"name {number}", "email": f"{self.chance.randrange(5)}@example.com"}
        if method == "PATCH":
            values.pop(self.chance.choice(["name", "email"]))
        values = {} if method == "DELETE" else values
        path = "/users" if method == "POST" else f"/users/{entity_id}"
        wish: dict[str, Any] = {"body": values or None, "key": f"key-{number}"}
        for _ in range(self.chance.choice([0, 0, 1])):
            attempt = self.send(method, path, **wish)
            lost = Unknown(self.step(), attempt, "ACCEPTANCE_UNKNOWN", 503)
            self.events.append(self.chance.choice([lost, Fail(self.at_s, attempt, 503, "OVERLOADED", retryable=True)]))
        attempt = self.send(method, path, **wish)
        operation_id, version = f"operation-{number}", number + 1
        self.take(Accepted(operation_id, entity_id, method, version, values))
        self.events.append(Ok(self.step(), attempt, 202, operation_id, entity_id, version, "queued"))
        return operation_id

    def take(self, write: Accepted, *, direct: bool = False) -> None:
        """Apply a write."""
        self.model.take(write)
        status = self.model.status[write.operation_id]
        effect = APPLIED if status == APPLIED else "rejected"
        entity = Entity("users", write.entity_id)
        code = _CODES.get(status, "")
        self.ended.append(
            Ended(write.operation_id, entity, write.method, write.version, effect, code, direct, self.at_s)
        )
        if effect == APPLIED and write.method == "POST":
            self.created[write.entity_id] = write.version
        if effect == APPLIED and write.method == "DELETE":
            self.deleted[write.entity_id] = write.version

    def read(self) -> None:
        """Read an entity as it is, or as it was a moment ago."""
        id = self.chance.choice([*self.model.entities, "nobody"])
        attempt = self.send("GET", f"/users/{id}")
        if (found := self.model.visible().get(id)) is None:
            self.events.append(Fail(self.step(), attempt, 404, "USER_NOT_FOUND"))
            return
        shown = (Shown(id, found[1], dict(found[0])),)
        self.events.append(Ok(self.step(), attempt, 200, shown=shown, pending=self.chance.choice([True, False, None])))

    def call(self) -> None:
        """Read the third party's data."""
        attempt = self.send("GET", "/external-api")
        self.arrivals.append(Arrival(self.step(), "GET", number=len(self.arrivals) + 1, peer="proxy-1"))
        shown = (Shown("the third party's", len(self.arrivals)),)
        self.events.append(Ok(self.step(), attempt, 200, shown=shown))

    def final(self) -> Final:
        """Return what the stores hold at rest."""
        rows = [
            Row(Entity("users", id), {} if each.deleted else dict(each.values), each.version,
                self.created[id], self.deleted.get(id, 0))
            for id, each in self.model.entities.items()
        ]  # fmt: skip
        effects = [ended.effect for ended in self.ended]
        ledger = {"accepted": len(effects), "applied": effects.count("applied"), "rejected": effects.count("rejected"),
                  "dead_lettered": 0, "discarded": 0, "in_flight": 0, "missing": 0}  # fmt: skip
        return Final(tuple(self.ended), tuple(rows), ledger=ledger, arrivals=tuple(self.arrivals))


def made(seed: int, writes: int = 40) -> Made:
    """Return a whole run in which every kind of write has been applied."""
    run = Made(random.Random(seed))
    for method in ("POST", "POST", "POST", "PATCH", "PUT", "DELETE"):
        run.write(method)
    for _ in range(writes):
        match run.chance.choices(["write", "read", "call"], [3, 2, 1]):
            case ["write"]:
                run.write()
            case ["read"]:
                run.read()
            case _:
                run.call()
    run.events.append(Fault(0.5, 1.0, "kill", "writer-1"))
    run.events.append(AtRest(run.step(), run.at_s - 0.5))
    return run
