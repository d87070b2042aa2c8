"""Clients: they post, patch, put and delete, each with an Idempotency-Key, and ask again until they have an answer."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass

import httpx

from tests.convergence.sequential_model import Accepted
from tests.crash.stage import Stage

_REQUEST_TIMEOUT_S = 3.0
_PAUSE_S = (0.0, 0.03)
_AGAIN_AFTER_S = (0.02, 0.3)
#: Clients that know of one another's users and want the same addresses, and how many addresses.
_GROUP, _WANTED = 2, 4
_COMMANDS = {"POST": "CreateUser", "PATCH": "UpdateUser", "PUT": "ReplaceUser", "DELETE": "DeleteUser"}


@dataclass(frozen=True)
class Intent:
    """One request that a client insists on."""

    key: str
    method: str
    path: str
    body: dict[str, str] | None


class Clients:
    """What they sent and what they were told."""

    def __init__(self, stage: Stage, chance: random.Random) -> None:
        self._stage = stage
        self._chance = chance
        self._users: dict[int, list[str]] = defaultdict(list)
        self.sent: list[Intent] = []
        #: Operation id -> the write that was acknowledged under it. Version 0: applied directly, not told.
        self.acknowledged: dict[str, Accepted] = {}
        self.answers: Counter[str] = Counter()
        #: Answers that no client should ever get.
        self.strange: list[str] = []
        #: Keys that never got an answer.
        self.unresolved: list[str] = []

    async def load(self, seconds: float, grace_s: float, tasks: int) -> None:
        """New requests for `seconds`; whatever is not answered then is asked for another `grace_s`."""
        end = time.monotonic() + seconds
        async with httpx.AsyncClient(timeout=_REQUEST_TIMEOUT_S) as http, asyncio.TaskGroup() as group:
            for number in range(tasks):
                group.create_task(self._client(number, http, end, end + grace_s))

    async def _client(self, number: int, http: httpx.AsyncClient, end: float, give_up: float) -> None:
        count = 0
        while time.monotonic() < end:
            count += 1
            intent = self._intent(f"client-{number}-{count}", number // _GROUP)
            self.sent.append(intent)
            if told := await self._insist(intent, http, give_up):
                self._users[number // _GROUP].append(told)
            await asyncio.sleep(self._chance.uniform(*_PAUSE_S))

    def _intent(self, key: str, group: int) -> Intent:
        users = self._users[group]
        kinds = ["POST", "PATCH", "PUT", "DELETE"] if users else ["POST"]
        [method] = self._chance.choices(kinds, [5, 4, 2, 1][: len(kinds)])
        email = self._chance.choice([key, f"wanted{group}-{self._chance.randrange(_WANTED)}"]) + "@example.com"
        both = {"name": f"name of {key}", "email": email}
        if method == "POST":
            return Intent(key, method, "/users", both)
        path = f"/users/{self._chance.choice(users[-20:])}"
        if method == "DELETE":
            return Intent(key, method, path, None)
        if method == "PATCH":
            both.pop(self._chance.choice(["name", "email"]))
        return Intent(key, method, path, both)

    async def _insist(self, intent: Intent, http: httpx.AsyncClient, give_up: float) -> str | None:
        """Ask until there is an answer; the id of the user that the intent made, if it did."""
        doubt = False
        while time.monotonic() < give_up:
            try:
                answer = await http.request(
                    intent.method, self._stage.an_api() + intent.path, json=intent.body,
                    headers={"Idempotency-Key": intent.key},
                )  # fmt: skip
            except httpx.TransportError as error:
                doubt = doubt or not isinstance(error, httpx.ConnectError)
                self.answers["no answer"] += 1
            else:
                if self._answered(intent, answer):
                    self.answers["resolved after doubt"] += doubt
                    created = intent.method == "POST" and answer.status_code != 409
                    return str(answer.json()["data"]["id"]) if created else None
                doubt = doubt or not answer.json()["error"]["definite"]
            await asyncio.sleep(self._chance.uniform(*_AGAIN_AFTER_S))
        self.unresolved.append(intent.key)
        return None

    def _answered(self, intent: Intent, answer: httpx.Response) -> bool:
        """Whether the answer is final; note it down."""
        if answer.status_code in (200, 201, 202):
            self._acknowledged(intent, answer)
            return True
        code = answer.json()["error"]["code"]
        self.answers[code] += 1
        if answer.status_code == 409 and code == "EMAIL_TAKEN":
            return True
        if answer.status_code not in (503, 504):
            self.strange.append(f"{intent}: {answer.status_code} {answer.text}")
            return True
        return False

    def _acknowledged(self, intent: Intent, answer: httpx.Response) -> None:
        told = answer.json()
        data, body = told["data"], intent.body or {}
        self.answers["queued" if answer.status_code == 202 else "applied directly"] += 1
        self.answers["replayed"] += answer.headers.get("idempotent-replayed") == "true"
        self.acknowledged[data["operation_id"]] = Accepted(
            data["operation_id"], data["id"], _COMMANDS[intent.method], told["meta"].get("version", 0),
            body.get("name"), body.get("email"),
        )  # fmt: skip
