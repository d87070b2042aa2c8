"""The requests of each kind, and the users that are read and changed."""

import asyncio
import secrets
import ssl
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from deploy.client.plan import Kind
from deploy.local.output import Problem
from deploy.local.progress import during
from holdfast_client import AsyncClient, HoldfastError, RetryBudget

_CONCURRENT = 10


class Request(NamedTuple):
    """The arguments of `Connections.request`. `key`: the Idempotency-Key, which is among the headers too."""

    method: str
    path: str
    headers: str = ""
    body: bytes = b""
    key: str = ""


class Requests:
    """Makes the requests of one run. `run`: makes e-mail addresses and keys unique to this run; `users`: paths of
    existing users; `external`: the path of the third party's data."""

    def __init__(self, users: Sequence[str], run: str, external: str = "/external-api") -> None:
        self._users = users
        self._external = external
        self._run = run

    def request(self, kind: Kind, number: int) -> Request:
        """Return the request with this number. Every write has a key of its own."""
        user = self._users[number * 7919 % len(self._users)] if self._users else ""
        match kind:
            case Kind.READS:
                return Request("GET", user)
            case Kind.LISTS:
                return Request("GET", "/users")
            case Kind.WRITES:
                return self._write("POST", "/users", number, orjson.dumps(_user(f"load.{self._run}.{number}")))
            case Kind.UPDATES:
                return self._write("PATCH", user, number, orjson.dumps({"name": f"Load {number}"}))
            case Kind.EXTERNAL:
                return Request("GET", self._external)

    def _write(self, method: str, path: str, number: int, body: bytes) -> Request:
        key = f"load-{self._run}-{number}"
        return Request(method, path, f"Idempotency-Key: {key}\r\n", body, key)


async def prepare(api: str, key: str, count: int) -> Requests:
    """Create `count` users, and read each once, so that a copy of it is cached. `key`: of the API. Raises Problem."""
    run = secrets.token_hex(4)
    if not count:
        return Requests((), run)
    gate = asyncio.Semaphore(_CONCURRENT)
    # A stack that has just started sheds writes. Each of these has to succeed, and there is no other load yet.
    patient = RetryBudget(share=1)
    async with AsyncClient(api, key, budget=patient, verify=ssl.create_default_context()) as holdfast:

        async def one(number: int) -> str:
            async with gate:
                user = await holdfast.users.create(_user(f"load.{run}.seed.{number}"), wait=True)
                await holdfast.users.get(user.id)
                return f"/users/{user.id}"

        try:
            with during("making users"):
                users = await asyncio.gather(*(one(number) for number in range(count)))
            await anext(holdfast.users.pages())
        except HoldfastError as error:
            raise Problem(
                f"no user can be made: {error}", "make up, or API=http://HOST:PORT of a running one"
            ) from None
    return Requests(users, run)


def _user(name: str) -> dict[str, str]:
    return {"name": "Load Test", "email": f"{name}@example.com"}
