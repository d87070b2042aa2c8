"""Workload: clients of the api, each of which draws its own requests. They create, change and delete, with and without
keys and conditions, wait, hang up, retry, and look at the result. They record everything and judge nothing."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

import orjson

from deploy.client.connections import Address, Connections, Response
from tests.simulation.kinds import log_uniform
from tests.simulation.plan import Mix

#: Longer than any answer may take.
PATIENT_S = 20.0
_AGAIN_AFTER_S = (0.05, 2.0)
_TRIES_OF_A_READ = 4
#: Number of users and operations that a client remembers; the oldest are dropped.
_REMEMBERED = 30
_NEWEST = 0.5
#: Paths to the third party: at an api, and at a proxy.
READ, SEND = "/external-api", "/external"
#: Share of reads among requests to the third party.
_READING = 0.75
_FINAL = ("applied", "superseded", "rejected", "expired", "dead_lettered", "discarded")


@dataclass(frozen=True)
class Request:
    """A client's request. `intent` is the same for all attempts at one thing."""

    intent: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str | None:
        """The `Idempotency-Key`."""
        return self.headers.get("Idempotency-Key")

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"


class Recorder(Protocol):
    """Keeps the history."""

    def invoked(self, who: str, api: str, request: Request) -> int:
        """Record a request that is sent, and return its number."""

    def ended(self, number: int, response: Response) -> None:
        """Record the answer, if there was one."""


@dataclass
class Known:
    """What clients remember of answers. `users`: (id, version last seen) of acknowledged users."""

    users: list[str] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    operations: list[str] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)

    def learn(self, request: Request, document: dict[str, Any]) -> None:
        """Remember a successful answer to a write or a read of one user."""
        data = document.get("data")
        if not isinstance(data, dict) or "id" not in data or request.path.startswith("/operations"):
            return
        if request.method == "POST" and data["id"] not in self.users:
            _remember(self.users, data["id"])
        if version := data.get("version") or (document.get("meta") or {}).get("version"):
            self.versions[data["id"]] = version
        if operation := data.get("operation_id"):
            _remember(self.operations, operation)
        if request.writes and request.body and (email := request.body.get("email")):
            _remember(self.emails, email)


def _remember(kept: list[str], one: str) -> None:
    kept.append(one)
    del kept[:-_REMEMBERED]


class Client:
    """One client. `ports`: where processes answer; `known` may be shared with other clients."""

    def __init__(
        self, number: int, seed: int, mix: Mix, pause_s: float, ports: Mapping[str, int], known: Known,
        recorder: Recorder,
    ) -> None:  # fmt: skip
        self.name = f"client-{number}"
        self._chance = Random(f"client {number} of {seed}")
        self._mix, self._pause_s, self._own, self._shared = mix, pause_s, Known(), known
        self._apis = [name for name in ports if name.startswith("api")]
        self._proxies = [name for name in ports if name.startswith("proxy")]
        self._recorder = recorder
        self._ports = ports
        self._lines: dict[str, Connections] = {}
        self._count = 0

    async def run(self, now: Callable[[], float], until_s: float, give_up_s: float) -> None:
        """Send new requests until `until_s`. A keyed write without an answer is retried until `give_up_s`."""
        while (pause_s := self._chance.expovariate(1 / self._pause_s)) < until_s - now():
            await asyncio.sleep(pause_s)
            await self._act(now, give_up_s)
        for line in self._lines.values():
            line.close()

    async def _act(self, now: Callable[[], float], give_up_s: float) -> None:
        request = self.draw()
        response = await self._insist(request, now, give_up_s)
        if not request.writes:
            return
        if request.key and _answered(response) and self._chance.random() < self._mix.repeating:
            await self._once(self._altered(request) if self._chance.random() < self._mix.altered else request)
        if self._chance.random() < 0.5 and request.path != SEND:
            await self._look_back(response)

    def draw(self) -> Request:
        """Draw the next request."""
        chance, mix = self._chance, self._mix
        self._count += 1
        if self._proxies and chance.random() < mix.external:
            return self._external(f"{self.name}-{self._count}")
        known = self._shared if chance.random() < mix.shared else self._own
        [action] = chance.choices([*mix.actions], [*mix.actions.values()])
        intent = f"{self.name}-{self._count}"
        if not known.users and action not in ("page", "by_email"):
            action = "create"
        match action:
            case "read":
                return Request(intent, "GET", self._user(known), headers=self._read_headers())
            case "page":
                return Request(intent, "GET", f"/users?limit={chance.choice((1, 3, 50))}", headers=self._read_headers())
            case "by_email":
                email = chance.choice(known.emails) if known.emails else self._email(intent)
                return Request(intent, "GET", f"/users?email={email}", headers=self._read_headers())
            case "operation" if known.operations:
                return Request(intent, "GET", f"/operations/{chance.choice(known.operations)}")
            case "create" | "operation":
                return Request(intent, "POST", "/users", self._body(intent), self._write_headers(intent, known, None))
        path = self._user(known)
        headers = self._write_headers(intent, known, path)
        match action:
            case "delete":
                return Request(intent, "DELETE", path, None, headers)
            case "put":
                return Request(intent, "PUT", path, self._body(intent), headers)
            case _:
                body = self._body(intent)
                body.pop(chance.choice(("name", "email", "neither")), None)
                return Request(intent, "PATCH", path, body, headers)

    def _external(self, intent: str) -> Request:
        """Draw a request for the third party's data, or a write to the third party, sent to a proxy."""
        if self._chance.random() < _READING:
            return Request(intent, "GET", READ, headers=self._read_headers())
        key = {"Idempotency-Key": intent} if self._chance.random() < self._mix.keyed else {}
        return Request(intent, "POST", SEND, {"order": intent}, key)

    def _user(self, known: Known) -> str:
        if self._chance.random() < 0.03:
            return f"/users/00000000-0000-7000-8000-{self._chance.randrange(16**12):012x}"
        # Half of the time, take the newest user: only writes that are in flight together can overtake one another.
        return f"/users/{known.users[-1] if self._chance.random() < _NEWEST else self._chance.choice(known.users)}"

    def _body(self, intent: str) -> dict[str, Any]:
        return {"name": f"name of {intent}", "email": self._email(intent)}

    def _email(self, intent: str) -> str:
        if self._chance.random() < self._mix.contended:
            return f"wanted-{self._chance.randrange(self._mix.addresses)}@example.com"
        return f"{intent}@example.com"

    def _read_headers(self) -> dict[str, str]:
        fresh = self._chance.random() < self._mix.fresh
        return ({"Cache-Control": "no-cache"} if fresh else {}) | self._time_limit()

    def _time_limit(self) -> dict[str, str]:
        if not self._mix.hurried or self._chance.random() >= self._mix.hurried:
            return {}
        return {"X-Request-Timeout-Ms": str(int(1000 * log_uniform(self._chance, 0.1, 3)))}

    def _write_headers(self, intent: str, known: Known, path: str | None) -> dict[str, str]:
        chance, mix = self._chance, self._mix
        headers = self._time_limit()
        if chance.random() < mix.keyed:
            headers["Idempotency-Key"] = intent
        if chance.random() < mix.waiting:
            headers["Prefer"] = f"wait={chance.choice((1, 3, 10))}"
        if chance.random() < mix.expiring:
            headers["X-Expire-After-Ms"] = str(int(1000 * log_uniform(chance, 0.01, 30)))
        version = known.versions.get(path.rpartition("/")[2]) if path else None
        if version and chance.random() < mix.conditional:
            headers["If-Match"] = f'"{version}"'
        return headers

    def _altered(self, request: Request) -> Request:
        body = None if request.body is None else {**request.body, "name": f"another {request.intent}"}
        return Request(request.intent, request.method, request.path, body, request.headers)

    async def _insist(self, request: Request, now: Callable[[], float], give_up_s: float) -> Response:
        """Send a request: a keyed write until it has a final answer, a read a few times, a write without a key once."""
        tries = 1
        response = await self._once(request)
        while not _answered(response) and now() < give_up_s:
            if not (request.key or not request.writes) or (not request.writes and tries >= _TRIES_OF_A_READ):
                break
            await asyncio.sleep(self._chance.uniform(*_AGAIN_AFTER_S))
            response, tries = await self._once(request), tries + 1
        return response

    async def _once(self, request: Request) -> Response:
        chance = self._chance
        api = chance.choice(self._proxies if request.path == SEND else self._apis)
        line = self._lines.setdefault(api, Connections(Address(api, self._ports[api]), timeout_s=PATIENT_S))
        headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        body = b"" if request.body is None else orjson.dumps(request.body)
        number = self._recorder.invoked(self.name, api, request)
        asking = line.request(request.method, request.path, headers, body)
        if chance.random() < self._mix.hasty:
            try:
                async with asyncio.timeout(log_uniform(chance, 0.002, 1.0)):
                    response = await asking
            except TimeoutError:
                response = Response(0, why="hung up")
        else:
            response = await asking
        self._recorder.ended(number, response)
        if 200 <= response.status < 300:
            document = orjson.loads(response.body)
            self._own.learn(request, document)
            self._shared.learn(request, document)
        return response

    async def _look_back(self, response: Response) -> None:
        """Read the operation a few times until it has ended, and then the user."""
        if response.status not in (200, 201, 202):
            return
        data = orjson.loads(response.body)["data"]
        intent = f"{self.name}-{self._count}-look"
        for number in range(self._chance.randint(1, 4)):
            seen = await self._once(Request(intent, "GET", f"/operations/{data['operation_id']}"))
            if seen.status == 200 and orjson.loads(seen.body)["data"]["status"] in _FINAL:
                break
            await asyncio.sleep(0.1 * 3**number)
        await self._once(Request(intent, "GET", f"/users/{data['id']}"))


def _answered(response: Response) -> bool:
    """Return whether a retry would be pointless. No answer, a 429 and a 5xx ask for a retry unless they say otherwise;
    so does a 409 for a request in progress."""
    if response.status in (0, 429) or response.status >= 500:
        return b'"retryable":false' in response.body
    return not (response.status == 409 and b'"retryable":true' in response.body)
