"""`make benchmark-error-rates`: a third party that fails a share of its calls, in front of it one mechanism after the
other: what clients get, what the third party gets, and how long it takes. Starts what it needs, and ends it."""

import json
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from deploy.load import alone, error_rates_page
from deploy.load.error_rates_page import Point
from deploy.load.mix import parse
from deploy.load.options import parser, said
from deploy.load.plan import Plan
from deploy.load.policies import POLICIES
from deploy.load.progress import say
from deploy.load.run import Generator, Run
from deploy.load.stacks import behave
from deploy.load.summary import summarize, trusted
from deploy.load.traffic import Traffic
from deploy.load.wire import Connections, address_of
from deploy.local.places import REPO

PAGE = REPO / "docs" / "benchmarks" / "error-rates.md"
_SHARES = (0.0, 0.1, 0.2, 0.35, 0.5)
_QUICK_SHARES = (0.0, 0.2, 0.5)
_SECONDS, _QUICK_SECONDS = 4.0, 2.0
_ASK_S = 5.0


@dataclass(frozen=True, slots=True)
class Scene:
    """How the third party is besides its errors, and how much is asked of it."""

    name: str
    what: str
    per_s: float
    behaviour: Mapping[str, Any]


SCENES = (
    Scene("errors", "Errors that have no cause in the load: any number at once, 20 ms each, 120 requests/s", 120,
          {"latency_ms": 20}),
    Scene("overload", "A third party that is nearly full: 8 at once, 50 ms each (160/s at most), an error costs it as"
          " much as an answer, 136 requests/s", 136, {"latency_ms": 50, "at_once": 8}),
)  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Exit code 0: measured, 2: unknown."""
    quick = bool(said("QUICK"))
    made = parser("error-rates", __doc__)
    made.add_argument(
        "--seconds", type=float, default=float(said("SECONDS") or (_QUICK_SECONDS if quick else _SECONDS))
    )
    made.add_argument("--out", type=Path, default=said("OUT") or PAGE, help="the page")
    told = made.parse_args(arguments)
    shares = _QUICK_SHARES if quick else _SHARES
    points: list[Point] = []
    with ExitStack() as stack:
        redis, third_party = stack.enter_context(alone.redis()), stack.enter_context(alone.third_party())
        for scene in SCENES:
            for policy in POLICIES:
                for share in shares:
                    points.append(_point(scene, policy, share, told.seconds, redis, third_party))
                    say(f"{scene.name:9} {points[-1].line()}")
    return error_rates_page.conclude(told.out, {scene.name: scene.what for scene in SCENES}, points, told.seconds)


def _point(scene: Scene, policy: str, share: float, seconds: float, redis: str, third_party: str) -> Point:
    behave(third_party, {})
    with alone.external_proxy(redis, third_party, POLICIES[policy]) as proxy:
        _ask(f"{proxy}/external")  # now there is a last good answer
        _ask(f"{third_party}/arrivals", "DELETE")
        faulty = {"fault": "fail", "status": 503, "rate": share} if share else {}
        behave(third_party, {**scene.behaviour, **faulty})
        run = uvloop.run(_load(proxy, scene.per_s, seconds))
        arrivals = _ask(f"{third_party}/arrivals")["count"]
    summary = summarize(run)
    of_all = summary["all"]
    return Point(
        scene.name, policy, share, of_all["shares"]["good"], of_all["shares"]["answered"],
        arrivals / of_all["requests"], of_all["latency_ms"]["p50"], of_all["latency_ms"]["p99"], trusted(summary),
    )  # fmt: skip


async def _load(proxy: str, per_s: float, seconds: float) -> Run:
    plan = Plan(proxy, per_s, seconds, parse("external=1"), poisson=True, timeout_s=5.0, follow_per_s=0.0)
    connections = Connections(address_of(proxy), timeout_s=plan.timeout_s)
    asking = Connections(address_of(proxy))
    return await Generator(plan, Traffic((), "error-rates", "/external"), connections, asking).go()


def _ask(url: str, method: str = "GET") -> Any:
    request = urllib.request.Request(url, method=method)  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=_ASK_S) as answer:  # noqa: S310 - the same
        return json.load(answer)
