"""Demo: one api, some writers and their stores in virtual time, for small scenarios."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import orjson

from deploy.client.connections import Address, Connections
from holdfast.services.api.settings import ApiSettings
from holdfast.services.writer.settings import WriterSettings
from tests.models.database.server import DatabaseModel
from tests.models.redis.server import RedisModel
from tests.simulation import driver, nodes
from tests.simulation.nodes import Main, Node
from tests.simulation.simulation import Simulation

_STORES = {
    "redis_addr": "queue:6379",
    "cache_redis_addr": "cache:6379",
    "db_dsn": "mysql://holdfast:holdfast@database:3306/holdfast",
    "listen_host": "0.0.0.0",  # noqa: S104 - nothing is bound
    "profile": "demo",
}


def _model(simulation: Simulation, name: str) -> RedisModel:
    return RedisModel(lambda: simulation.clock(name).wall(simulation.loop.now_s))


def _serving(model: RedisModel) -> Main:
    async def serve() -> None:
        await asyncio.get_running_loop().create_server(model.protocol, "0.0.0.0", 6379)  # noqa: S104 - as above
        await asyncio.get_running_loop().create_future()

    return serve


class Demo:
    """One api, writers, their stores, and a client. `settings`: those of the writers."""

    def __init__(self, seed: int, writers: int = 1, **settings: Any) -> None:
        self.simulation = simulation = Simulation(seed)
        clock = simulation.clock("database")
        self.database = DatabaseModel(lambda: clock.wall(simulation.loop.now_s), simulation.chance("database"))
        self.queue, cache = _model(simulation, "queue"), _model(simulation, "cache")
        mains = {
            "queue": _serving(self.queue),
            "cache": _serving(cache),
            "api-1": nodes.api(ApiSettings(**_STORES, instance="api-1")),
        }
        for name in (f"writer-{number}" for number in range(1, writers + 1)):
            mains[name] = nodes.writer(WriterSettings(**_STORES, instance=name, **settings))
        self.nodes = {name: Node(simulation, name, main) for name, main in mains.items()}
        self._client = Connections(Address("api-1", 8080))

    def run(self, scenario: Callable[[], Coroutine[Any, Any, None]] | None = None) -> str:
        """Run a scenario once everything has started, and return the timeline."""

        async def whole() -> None:
            for node in self.nodes.values():
                node.start()
            await asyncio.sleep(5)
            await (scenario or self.create_and_read)()

        with driver.installed(self.simulation, self.database.connect, driver.Seen()):
            self.simulation.run(whole)
        return self.simulation.timeline.text()

    async def ask(self, method: str, path: str, headers: str = "", **body: str) -> Any:
        """Send a request, and return `data` of the response, or None if it did not succeed."""
        response = await self._client.request(method, path, headers, orjson.dumps(body) if body else b"")
        self.simulation.timeline.say("client", f"{method} {path}", status=response.status, body=response.body.decode())
        return orjson.loads(response.body)["data"] if 200 <= response.status < 300 else None

    async def create_and_read(self) -> None:
        """Create a user, wait until the write is applied, read the user, and stop everything."""
        created = await self.ask("POST", "/users", name="Ada", email="ada@example.com")
        await asyncio.sleep(1)
        operation = await self.ask("GET", f"/operations/{created['operation_id']}")
        user = await self.ask("GET", f"/users/{created['id']}")
        assert (operation["status"], user["name"]) == ("applied", "Ada")
        for name in ("api-1", "writer-1"):
            self.nodes[name].stop()
        await asyncio.sleep(30)
        assert not self.nodes["writer-1"].running
