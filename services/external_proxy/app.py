"""App: wires the parts of the external proxy together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from holdfast.services.external_proxy import config_routes, external
from holdfast.services.external_proxy.access import scope_needed
from holdfast.services.external_proxy.config import Config
from holdfast.services.external_proxy.live import Live
from holdfast.services.external_proxy.settings import ProxySettings
from holdfast.services.external_proxy.third_party import ThirdParty, make_breaker
from holdfast.shared.cache.last_good import LastGood
from holdfast.shared.fleet.board import Board
from holdfast.shared.fleet.member import Member
from holdfast.shared.http.app import service_app
from holdfast.shared.http.client import HttpClient
from holdfast.shared.http.explain.explanations import explanations
from holdfast.shared.http.health import Health, closed
from holdfast.shared.http.keys import Keys
from holdfast.shared.resilience.retry import Retrier
from holdfast.shared.resilience.retry_budget import RetryBudget
from holdfast.shared.resilience.supervise import start, stop
from holdfast.shared.runtime import memory
from holdfast.shared.runtime.build import VERSION_WITHOUT_INSTALL
from holdfast.shared.runtime.redis import cache_client, queue_client
from holdfast.shared.runtime.time_budgets import EXTERNAL_COPY_KEPT_S, PROXY_TIMEOUT_S
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.loop_lag import watch
from holdfast.shared.telemetry.tracing import spans

_OPERATIONS = ("read", "write")


_DESCRIPTION = """Calls the third party for the api, within limits on time, size and load. Calls are retried only if
that is safe, and are not made while the third party is known to be down; every request is answered."""


def make_app(settings: ProxySettings) -> FastAPI:
    """Return the application. Its connections are made on first use."""
    redis = queue_client(settings)
    cache = cache_client(settings)
    url, config = settings.proxy_third_party_url, settings.proxy_config
    client = HttpClient("third_party", str(url), in_flight_max=config.in_flight_max)
    breakers = {name: make_breaker(f"{url.host}:{url.port}", name, config.policy()) for name in _OPERATIONS}
    budget = RetryBudget(earned=config.retry_share)
    retrier = Retrier("third_party", budget, config.retries())

    def apply(changed: Config) -> None:
        client.in_flight_max = changed.in_flight_max
        budget.earned = changed.retry_share
        retrier.limits = changed.retries()
        for breaker in breakers.values():
            breaker.adopt(changed.policy())

    live = Live(redis, config, apply, poll_s=settings.proxy_config_poll_s)
    last_good = LastGood(cache, "external", hard_s=EXTERNAL_COPY_KEPT_S)
    explained = explanations(cache, "external_proxy", settings)
    third_party = ThirdParty(client, breakers, retrier, live)
    board = Board(cache, Member("external_proxy", settings.instance, breakers.values))

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.gather(live.look(), last_good.sync())  # the state from before the start; both calls end in time
        logs.started(settings.ignored, instance=settings.instance, third_party=f"{url.host}:{url.port}")
        optional = {"explanations": explained.run} if explained else {}
        loops = start(
            {"config": live.run, "last_good": last_good.run, "board": board.run, "event_loop_lag": watch, **optional}
        )
        memory.settle()
        yield
        await stop(loops)
        if explained:
            await explained.flush()
        await board.leave()
        await client.close()
        await redis.aclose()
        await cache.aclose()
        await asyncio.to_thread(spans.end)  # here, because uvicorn then ends the process with the signal it received
        logs.stopped()

    def add_routes(app: FastAPI) -> None:
        external.add_routes(app, third_party, last_good, live)
        config_routes.add_routes(app, live, config)

    shown = {str(breaker.name): closed(breaker) for breaker in breakers.values()}
    return service_app(
        Health("external_proxy", shown={**shown, "config store": lambda: _answers(live)}),
        title="Holdfast external proxy",
        description=_DESCRIPTION,
        version=VERSION_WITHOUT_INSTALL,
        lifespan=lifespan,
        add_routes=add_routes,
        timeout_s=PROXY_TIMEOUT_S,
        cors_origins=settings.cors_origins,
        explanations=explained,
        needs=scope_needed,
        keys=Keys(settings.keys_file, open_to_all=settings.profile == "demo"),
    )


def _answers(live: Live) -> tuple[bool, str]:
    return live.store_answers, f"version {live.version}"
