"""Options: the options of a run, from the command line or, for `make`, from variables of the same names."""

import argparse
import os
from collections.abc import Callable, Sequence

from deploy.client.connections import address_of
from deploy.client.plan import DEFAULT, Kind, Plan, parse
from deploy.load import verdict
from deploy.load.verdict import Target
from deploy.local.output import Problem
from deploy.local.services import address
from deploy.local.settings import saved

_RATE_MAX, _DURATION_MAX_S = 50_000, 86_400


def parser(name: str, about: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every command has."""
    made = argparse.ArgumentParser(prog=f"python -m deploy.load {name}", description=about)
    made.add_argument(
        "--api", default=variable("API"), help="address of a running api; by default this clone's (make up)"
    )
    return made


def run_options(made: argparse.ArgumentParser, plan: Plan, targets: str) -> None:
    """Add the options of a run with a length and a rate."""
    add = made.add_argument
    add("--rate", default=variable("RATE") or plan.per_s, type=_number(1, _RATE_MAX), help="requests per second")
    add(
        "--duration",
        default=variable("DURATION") or plan.duration_s,
        type=_number(1, _DURATION_MAX_S),
        help="duration in seconds",
    )
    add(
        "--mix",
        default=variable("MIX") or DEFAULT,
        help="weights of " + ", ".join(kind.word for kind in Kind),
    )
    add("--arrivals", default=variable("ARRIVALS") or "constant", choices=("constant", "poisson"))
    in_flight = variable("IN_FLIGHT") or plan.in_flight_max
    add("--in-flight", default=in_flight, type=whole(1, 100_000), help="requests in flight above which none is sent")
    add(
        "--timeout",
        default=variable("TIMEOUT") or plan.timeout_s,
        type=_number(0.1, 600),
        help="seconds to wait for an answer",
    )
    followed = variable("FOLLOW") or plan.follow_per_s
    add(
        "--follow",
        default=followed,
        type=_number(0, 1000),
        help="writes per second that are polled until they are applied",
    )
    add("--targets", default=variable("TARGETS") or targets, help=verdict.__doc__)


def plan_of(options: argparse.Namespace) -> tuple[Plan, Sequence[Target]]:
    """Return the plan. Raises Problem if the options make no sense."""
    try:
        plan = Plan(
            api=api_of(options.api),
            per_s=options.rate,
            duration_s=options.duration,
            mix=parse(options.mix),
            poisson=options.arrivals == "poisson",
            in_flight_max=options.in_flight,
            timeout_s=options.timeout,
            follow_per_s=options.follow,
        )
        return plan, verdict.parse(options.targets)
    except ValueError as error:
        raise Problem(str(error)) from None


def api_of(url: str) -> str:
    """Return the base URL of the api, by default that of this clone's stack. Raises Problem."""
    if not url:
        return f"http://{address(saved(), 'api')}"
    try:
        address_of(url)
    except ValueError as error:
        raise Problem(f"API={error}", "API=http://localhost:8080") from None
    return url.rstrip("/")


def variable(name: str) -> str:
    """Return an environment variable, or an empty text."""
    return os.environ.get(name, "").strip()


def _number(low: float, high: float) -> Callable[[object], float]:
    def number(text: object) -> float:
        value = float(str(text))
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low:g} and {high:g}")
        return value

    return number


def whole(low: int, high: int) -> Callable[[object], int]:
    """Return a parser of whole numbers in this range."""
    return lambda text: int(_number(low, high)(text))
