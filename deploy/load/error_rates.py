"""`make benchmark-error-rates`: a third party that fails a share of its calls, in front of it one mechanism after the
other: what clients get, what the third party gets, and how long it takes. The whole curve in virtual time, and some
points of it on real processes, which it starts and ends."""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from deploy.client.connections import Connections, address_of
from deploy.client.generator import Generator, Run
from deploy.client.plan import Plan, parse
from deploy.client.request import JsonResponse, request, request_json
from deploy.client.requests import Requests
from deploy.load import alone, error_rates_page, virtual_points
from deploy.load.error_rates_page import Point
from deploy.load.options import parser, variable
from deploy.load.policies import POLICIES
from deploy.load.progress import log
from deploy.load.summary import summarize, trusted
from deploy.local.output import Problem
from deploy.local.places import REPO

PAGE = REPO / "docs" / "benchmarks" / "error-rates.md"
_SHARES = (0.0, 0.1, 0.2, 0.35, 0.5)
_QUICK_SHARES = (0.0, 0.2, 0.5)
_SECONDS, _QUICK_SECONDS = 12.0, 2.0
_SEEDS, _QUICK_SEEDS = 5, 1
_PARTS = ("virtual", "measured")
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Scene:
    """The third party's behaviour apart from its errors, and the load."""

    name: str
    what: str
    per_s: float
    behaviour: Mapping[str, Any]


SCENES = (
    Scene("errors", "Errors that the load does not cause: any number at once, 20 ms each, 120 requests/s", 120,
          {"latency_ms": 20}),
    Scene("overload", "A third party that is nearly full: 8 at once, 50 ms each (160/s at most), an error costs it as"
          " much as an answer, 136 requests/s", 136, {"latency_ms": 50, "at_once": 8}),
)  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Measure, and return the exit code: 0: measured, 2: unknown."""
    quick = bool(variable("QUICK"))
    made = parser("error-rates", __doc__)
    made.add_argument(
        "--seconds", type=float, default=float(variable("SECONDS") or (_QUICK_SECONDS if quick else _SECONDS))
    )
    made.add_argument("--out", type=Path, default=variable("OUT") or PAGE, help="the page to write")
    made.add_argument(
        "--part", choices=_PARTS, default=variable("PART"), help="measure only this part; the page keeps the other one"
    )
    options = made.parse_args(arguments)
    kept = error_rates_page.read(options.out)
    parts = (options.part,) if options.part else _PARTS
    if "virtual" in parts:
        log(f"virtual time: {len(virtual_points.SCENES)} scenes, {len(virtual_points.POLICIES)} policies")
        shares = virtual_points.QUICK_SHARES if quick else virtual_points.SHARES
        kept.virtual = virtual_points.compute(shares, _QUICK_SEEDS if quick else _SEEDS, os.cpu_count() or 1)
    if "measured" in parts:
        kept.points, kept.seconds = _measured(_QUICK_SHARES if quick else _SHARES, options.seconds), options.seconds
    return error_rates_page.conclude(options.out, {scene.name: scene.what for scene in SCENES}, kept)


def _measured(shares: Sequence[float], seconds: float) -> list[Point]:
    points: list[Point] = []
    with ExitStack() as stack:
        redis, third_party = stack.enter_context(alone.redis()), stack.enter_context(alone.third_party())
        for scene in SCENES:
            for policy in POLICIES:
                for share in shares:
                    points.append(_point(scene, policy, share, seconds, redis, third_party))
                    log(f"{scene.name:9} {points[-1].line()}")
    return points


def _point(scene: Scene, policy: str, share: float, seconds: float, redis: str, third_party: str) -> Point:
    _send(third_party, "PUT", "/behaviour", {})
    with alone.external_proxy(redis, third_party, POLICIES[policy]) as proxy:
        _get(proxy, "/external")  # now the proxy has a last good answer
        _send(third_party, "DELETE", "/arrivals", {})
        faulty = {"fault": "fail", "status": 503, "rate": share} if share else {}
        _send(third_party, "PUT", "/behaviour", {**scene.behaviour, **faulty})
        run = uvloop.run(_load(proxy, scene.per_s, seconds))
        arrivals = _get(third_party, "/arrivals")["count"]
    summary = summarize(run)
    of_all = summary["all"]
    return Point(
        scene.name,
        policy,
        share,
        of_all["shares"]["good"],
        of_all["shares"]["answered"],
        arrivals / of_all["requests"],
        of_all["latency_ms"]["p50"],
        of_all["latency_ms"]["p99"],
        trusted(summary),
    )


async def _load(proxy: str, per_s: float, seconds: float) -> Run:
    plan = Plan(proxy, per_s, seconds, parse("external=1"), poisson=True, timeout_s=5.0, follow_per_s=0.0)
    connections = Connections(address_of(proxy), timeout_s=plan.timeout_s)
    requests = Requests((), "error-rates", "/external")
    return await Generator(plan, requests, connections, Connections(address_of(proxy))).go()


def _get(server: str, path: str) -> Any:
    return _body(request(server, "GET", path, timeout_s=_TIMEOUT_S))


def _send(server: str, method: str, path: str, document: Mapping[str, Any]) -> Any:
    return _body(request_json(server, method, path, document, timeout_s=_TIMEOUT_S))


def _body(response: JsonResponse) -> Any:
    if response.status != 200:
        raise Problem(f"no result: {response.status} {response.body}")
    return response.body
