"""The workload: the clients' requests, drawn from a seed. Pure, except for what clients learn from answers."""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.promises.history import Ok

#: Number of clients that know each other's users and want the same addresses, and number of addresses.
_GROUPS, _WANTED = 8, 4
_RECENT = 20
_KINDS = {"write": 60, "read": 24, "list": 4, "operation": 6, "external": 6}
_METHODS = {"POST": 5, "PATCH": 4, "PUT": 2, "DELETE": 1}


@dataclass(frozen=True)
class Wish:
    """One request that a client wants answered. `insists`: whether the client retries with the same key until it knows
    the result."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    key: str = ""
    if_match: int = 0
    #: Seconds of `Prefer: wait`.
    wait_s: int = 0
    insists: bool = False
    #: Seconds after which the client hangs up the first time.
    patience_s: float | None = None
    group: int = 0


@dataclass
class Workload:
    """`wish(n)` returns the request of arrival n; `learn` takes in its result."""

    chance: random.Random
    _users: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    _operations: list[str] = field(default_factory=list)
    _versions: dict[str, int] = field(default_factory=dict)

    def wish(self, number: int) -> Wish:
        """Return the next request."""
        group = self.chance.randrange(_GROUPS)
        known = self._users[group]
        [kind] = self.chance.choices(list(_KINDS), list(_KINDS.values()))
        match kind:
            case "read" if known:
                return Wish("GET", f"/users/{self.chance.choice(known[-_RECENT:])}")
            case "list":
                return Wish("GET", f"/users?limit={self.chance.choice([5, 50, 200])}")
            case "operation" if self._operations:
                return Wish("GET", f"/operations/{self.chance.choice(self._operations[-50:])}")
            case "external":
                return Wish("GET", "/external-api")
            case _:
                return self._write(number, group, known[-_RECENT:])

    def learn(self, wish: Wish, answer: Ok) -> None:
        """Take in the users, operations and versions that an answer names."""
        for shown in answer.shown:
            self._versions[shown.id] = shown.version
        if wish.method != "GET":
            self._operations.append(answer.operation_id)
        if wish.method == "POST":
            self._users[wish.group].append(answer.entity_id)

    def users(self) -> list[str]:
        """Return the users that any client knows."""
        return [id for known in self._users.values() for id in known]

    def operations(self) -> list[str]:
        """Return the operations that were acknowledged."""
        return list(self._operations)

    def _write(self, number: int, group: int, known: list[str]) -> Wish:
        methods = _METHODS if known else {"POST": 1}
        [method] = self.chance.choices(list(methods), list(methods.values()))
        if method == "POST" and self.chance.random() < 0.15:
            return self._careless(number, group)
        wanted = f"wanted{group}-{self.chance.randrange(_WANTED)}"
        values = {"name": f"name {number}", "email": f"{self.chance.choice([f'own{number}', wanted])}@example.com"}
        user = self.chance.choice(known) if known else ""
        if method == "PATCH":
            values.pop(self.chance.choice(["name", "email"]))
        careful = method in ("PATCH", "PUT") and user in self._versions and self.chance.random() < 0.2
        return Wish(
            method,
            "/users" if method == "POST" else f"/users/{user}",
            None if method == "DELETE" else values,
            key=f"key-{number}",
            if_match=self._versions[user] if careful else 0,
            wait_s=self.chance.choice([0, 0, 0, 0, 2]),
            insists=True,
            patience_s=self._impatience_s() if self.chance.random() < 0.06 else None,
            group=group,
        )

    def _careless(self, number: int, group: int) -> Wish:
        """Return a request without a key: it is sent once, and a client that hangs up never learns the result."""
        values = {"name": f"name {number}", "email": f"careless{number}@example.com"}
        patience_s = self._impatience_s() if self.chance.random() < 0.3 else None
        return Wish("POST", "/users", values, patience_s=patience_s, group=group)

    def _impatience_s(self) -> float:
        """Draw when a client hangs up: from before the request has left until after it was accepted, on fast and slow
        machines."""
        return 0.005 * 400 ** self.chance.random()
