"""The request of each kind, and the users that are read and changed."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from deploy.client.connections import Connections, Response
from deploy.client.outcome import error_of
from deploy.client.plan import Kind
from deploy.local.output import Problem

_CONCURRENT = 10
_TRIES = 10
_PAUSE_S = 1.0


class Request(NamedTuple):
    """The arguments of `Connections.request`. `key`: its Idempotency-Key, which is among the headers too."""

    method: str
    path: str
    headers: str = ""
    body: bytes = b""
    key: str = ""


class Requests:
    """The requests of one run. `run` makes e-mail addresses and keys unique to it; `users`: paths of existing users;
    `external`: the path of the third party's data."""

    def __init__(self, users: Sequence[str], run: str, external: str = "/external-api") -> None:
        self._users = users
        self._external = external
        self._run = run

    def request(self, kind: Kind, number: int) -> Request:
        """The request with this number. Every write has a key of its own."""
        user = self._users[number * 7919 % len(self._users)] if self._users else ""
        match kind:
            case Kind.READS:
                return Request("GET", user)
            case Kind.LISTS:
                return Request("GET", "/users")
            case Kind.WRITES:
                return self._write("POST", "/users", number, _user(f"load.{self._run}.{number}"))
            case Kind.UPDATES:
                return self._write("PATCH", user, number, orjson.dumps({"name": f"Load {number}"}))
            case Kind.EXTERNAL:
                return Request("GET", self._external)

    def _write(self, method: str, path: str, number: int, body: bytes) -> Request:
        key = f"load-{self._run}-{number}"
        return Request(method, path, f"Idempotency-Key: {key}\r\n", body, key)


async def prepare(connections: Connections, count: int) -> Requests:
    """Make `count` users, and read each once, so that a copy of it is cached. Raises Problem."""
    run = secrets.token_hex(4)
    gate = asyncio.Semaphore(_CONCURRENT)

    async def one(number: int) -> str:
        async with gate:
            return await _made(connections, run, number)

    paths = await asyncio.gather(*(one(number) for number in range(count)))
    for path in [*paths, "/users"] if paths else []:
        await connections.request("GET", path)
    return Requests(paths, run)


async def _made(connections: Connections, run: str, number: int) -> str:
    """A new user's path, once the user exists."""
    headers = f"Idempotency-Key: load-{run}-seed-{number}\r\nPrefer: wait=5\r\n"
    for _ in range(_TRIES):
        response = await connections.request("POST", "/users", headers, _user(f"load.{run}.seed.{number}"))
        if response.status == 201:
            return f"/users/{orjson.loads(response.body)['data']['id']}"
        if response.status == 0 or 400 <= response.status < 500:
            break
        await asyncio.sleep(_PAUSE_S)  # just started, or still recovering; the key is the same, so it happens once
    raise Problem(f"no user can be made: {_reason(response)}", "make up, or API=http://HOST:PORT of a running one")


def _reason(response: Response) -> str:
    if response.status == 0:
        return f"no response ({response.why})"
    error = error_of(response.body)
    return f"{response.status} {error.get('code', '')} {error.get('message', '')}".rstrip()


def _user(name: str) -> bytes:
    return orjson.dumps({"name": "Load Test", "email": f"{name}@example.com"})
