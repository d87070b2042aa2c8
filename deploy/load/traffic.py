"""Traffic: what is sent for each kind of request, and the users that are read and changed."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from deploy.load.mix import Kind
from deploy.load.outcome import error_of
from deploy.load.wire import Answer, Connections
from deploy.local.problem import Problem

USERS = 100
_AT_ONCE = 10
_TRIES = 10
_PAUSE_S = 1.0


class Request(NamedTuple):
    """As it goes to `Connections.request`."""

    method: str
    path: str
    headers: str = ""
    body: bytes = b""


class Traffic:
    """`run` makes e-mail addresses and keys of this run its own; `users`: paths of users who are there; `external`: the
    path of the third party's data."""

    def __init__(self, users: Sequence[str], run: str, external: str = "/external-api") -> None:
        self._users = users
        self._external = external
        self._run = run

    def request(self, kind: Kind, number: int) -> Request:
        """The request with this number. Every write has a key of its own, as it should in life."""
        user = self._users[number * 7919 % len(self._users)] if self._users else ""
        match kind:
            case Kind.READS:
                return Request("GET", user)
            case Kind.LISTS:
                return Request("GET", "/users")
            case Kind.WRITES:
                return Request("POST", "/users", self._key(number), _user(f"load.{self._run}.{number}"))
            case Kind.UPDATES:
                return Request("PATCH", user, self._key(number), orjson.dumps({"name": f"Load {number}"}))
            case Kind.EXTERNAL:
                return Request("GET", self._external)

    def _key(self, number: int) -> str:
        return f"Idempotency-Key: load-{self._run}-{number}\r\n"


async def prepare(connections: Connections, count: int = USERS) -> Traffic:
    """Make `count` users, and read each once, so that a copy of it is there. Raises Problem."""
    run = secrets.token_hex(4)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> str:
        async with gate:
            return await _made(connections, run, number)

    paths = await asyncio.gather(*(one(number) for number in range(count)))
    for path in [*paths, "/users"] if paths else []:
        await connections.request("GET", path)
    return Traffic(paths, run)


async def _made(connections: Connections, run: str, number: int) -> str:
    """A user's path, when it is there."""
    headers = f"Idempotency-Key: load-{run}-seed-{number}\r\nPrefer: wait=5\r\n"
    for _ in range(_TRIES):
        answer = await connections.request("POST", "/users", headers, _user(f"load.{run}.seed.{number}"))
        if answer.status == 201:
            return f"/users/{orjson.loads(answer.body)['data']['id']}"
        if answer.status == 0 or 400 <= answer.status < 500:
            break
        await asyncio.sleep(_PAUSE_S)  # just started, or still healing: the same key, so nothing happens twice
    raise Problem(f"no user can be made: {_said(answer)}", "make up, or API=http://HOST:PORT of a running one")


def _said(answer: Answer) -> str:
    if answer.status == 0:
        return f"there is no answer ({answer.why})"
    error = error_of(answer.body)
    return f"{answer.status} {error.get('code', '')} {error.get('message', '')}".rstrip()


def _user(name: str) -> bytes:
    return orjson.dumps({"name": "Load Test", "email": f"{name}@example.com"})
