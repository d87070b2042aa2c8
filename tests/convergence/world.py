"""The world of one history: real servers, acceptance through the real script, and the final contents of both."""

import asyncio
import json
import random
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Self

from holdfast.services.api.candidate import Candidate
from holdfast.shared.connections.redis import connect
from holdfast.shared.domain.resource import ResourceType
from holdfast.shared.queue.names import ATTEMPTS, CLOCK, DEAD, OPERATION, PREFIX, WRITES
from holdfast.shared.store.engine import make_engine
from holdfast.shared.writes.commands import VERBS
from holdfast.shared.writes.decide import Patience
from tests.convergence.crew import Crew
from tests.convergence.sequential_model import Accepted
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS, Database, RedisServer
from tests.stream import ACCEPT_SCRIPT, USER_PENDING_MAX
from tests.users import USERS


class Kind(NamedTuple):
    """A resource as histories write it: its field for names, its unique field for addresses, perhaps a field for second
    unique values, and constant values for other required fields."""

    resource: ResourceType
    name: str
    unique: str
    more: Mapping[str, Any] = {}
    second: str = ""

    def values(self, write: Accepted) -> dict[str, Any]:
        """Return the values of the write's command."""
        values = {self.name: write.name, self.unique: write.email, self.second: write.second}
        given = {name: value for name, value in values.items() if value is not None}
        whole = write.command in ("CreateUser", "ReplaceUser")
        return given | (dict(self.more) if whole else {})

    def code(self, code: str) -> str:
        """Return the model's name for the code of a rejection."""
        own = {self.resource.code(problem): f"USER_{problem}" for problem in ("EXISTS", "NOT_FOUND")}
        taken = {self.unique: "EMAIL_TAKEN", self.second: "SECOND_TAKEN"}
        codes = {field.unique.code: taken[field.name] for field in self.resource.unique}
        return (own | codes).get(code, code)


_USERS = Kind(USERS, "name", "email")
_WRITERS = 3
_KEY_LIFETIME_S = 60


class World:
    """Connections that all histories share. Each history begins with empty stores."""

    def __init__(self, redis_server: RedisServer, database: Database, kind: Kind = _USERS) -> None:
        self._kind = kind
        self._runner = asyncio.Runner()
        self._redis = connect(redis_server.address, PATIENT_REDIS)
        self._engines = [make_engine(database.dsn, PATIENT_DATABASE, pool_size=4) for _ in range(_WRITERS)]
        self._threads = ThreadPoolExecutor(max_workers=2 * _WRITERS)
        self._connection = database.connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._redis.connection_pool.disconnect())
        self._runner.close()
        self._threads.shutdown()
        for engine in self._engines:
            engine.dispose()
        self._connection.close()

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run one history in an empty world."""
        self._connection.begin()
        with self._connection.cursor() as cursor:
            for table in (self._kind.resource.plural, "operations", "released_values"):
                cursor.execute(f"DELETE FROM {table}")
        self._connection.commit()
        self._runner.run(self._empty_redis_and(main))

    def crew(self, chance: random.Random, patience: Patience | None = None) -> Crew:
        """Return writers without state. They apply the entries of a batch in one transaction, or each entry in its
        own."""
        return Crew(self._redis, self._engines, self._threads, patience, batch_max=chance.choice([1, 500]))

    async def accept(self, write: Accepted) -> tuple[str, int]:
        """Send `write` as the api does. Return the result of the script, and the version that it assigned, or 0."""
        command = _VERBS[write.command](self._kind.resource, self._kind.values(write))
        candidate = Candidate(
            write.operation_id,
            write.user_id,
            command,
            if_match=str(write.if_match) if write.if_match else "",
        )
        arguments = [WRITES, CLOCK, PREFIX, 0, 1, _KEY_LIFETIME_S, USER_PENDING_MAX, *candidate.arguments()]
        [(result, _, _, version, *_)] = await self._redis.eval(ACCEPT_SCRIPT, 2, *arguments)
        return result.decode(), int(version or 0)

    def visible(self) -> dict[str, tuple[str, str, int, str | None]]:
        """Return user id -> (name, email, version, second value) of the users that a read shows."""
        table, name, unique = self._kind.resource.plural, self._kind.name, self._kind.unique
        versions = ", ".join(f"{field.name}_version" for field in self._kind.resource.fields)
        rows = self._rows(
            f"SELECT id, {name}, {unique}, GREATEST({versions}, created_version, deleted_version),"
            f" {self._kind.second or 'NULL'}"
            f" FROM {table} WHERE created_version > 0 AND deleted_version = 0"
        )
        return {id: (name, email, version, second) for id, name, email, version, second in rows}

    def status(self) -> dict[str, str]:
        """Return operation id -> its effect, or the code of its rejection."""
        rows = self._rows("SELECT operation_id, effect, rejection FROM operations")
        code = self._kind.code
        return {id: code(json.loads(rejection)["code"]) if rejection else effect for id, effect, rejection in rows}

    def personal_data_of_the_invisible(self) -> list[tuple[Any, ...]]:
        """Return the tombstones that still hold personal data."""
        keys = " OR ".join(f"{field.name}_key IS NOT NULL" for field in self._kind.resource.unique)
        table, name = self._kind.resource.plural, self._kind.name
        return self._rows(f"SELECT * FROM {table} WHERE deleted_version > 0 AND ({name} != '' OR {keys})")

    async def leftovers(self) -> list[str]:
        """Return the keys that Redis should no longer have when everything is over."""
        left = [WRITES] if await self._redis.xlen(WRITES) else []
        left += [DEAD] if await self._redis.xlen(DEAD) else []
        left += [key.decode() for key in await self._redis.keys() if key.decode().startswith(self._pending())]
        return left

    def _pending(self) -> tuple[str, ...]:
        resource = self._kind.resource
        claims = [field.unique.claims for field in resource.unique if field.unique]
        return (*(PREFIX + name for name in claims), f"{PREFIX}{resource.singular}:", OPERATION, ATTEMPTS)

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    async def _empty_redis_and(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await self._redis.flushall()
        await main()


_VERBS = {f"{verb.__name__}User": verb for verb in VERBS}
