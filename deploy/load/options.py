"""Options: what a run is asked to do, from the command line or, for `make`, from variables of the same names."""

import argparse
import os
from collections.abc import Callable, Sequence

from deploy.load import mix, verdict
from deploy.load.plan import Plan
from deploy.load.verdict import Target
from deploy.load.wire import address_of
from deploy.local.problem import Problem
from deploy.local.programs import programs
from deploy.local.settings import saved

_RATE_MAX, _DURATION_MAX_S = 50_000, 86_400


def parser(name: str, about: str | None) -> argparse.ArgumentParser:
    """With the options that every run has."""
    made = argparse.ArgumentParser(prog=f"python -m deploy.load {name}", description=about)
    made.add_argument("--api", default=said("API"), help="of a running api; left out: this clone's (make up)")
    return made


def run_options(made: argparse.ArgumentParser, plan: Plan, targets: str) -> None:
    """Those of a run whose length and rate may be chosen."""
    add = made.add_argument
    add("--rate", default=said("RATE") or plan.per_s, type=_number(1, _RATE_MAX), help="requests a second")
    add("--duration", default=said("DURATION") or plan.duration_s, type=_number(1, _DURATION_MAX_S), help="seconds")
    add("--mix", default=said("MIX") or mix.DEFAULT, help="weights of " + ", ".join(kind.word for kind in mix.Kind))
    add("--arrivals", default=said("ARRIVALS") or "constant", choices=("constant", "poisson"))
    add("--in-flight", default=said("IN_FLIGHT") or plan.in_flight_max, type=_number(1, 100_000),
        help="requests under way above which none is sent")  # fmt: skip
    add("--timeout", default=said("TIMEOUT") or plan.timeout_s, type=_number(0.1, 600), help="seconds to an answer")
    add("--follow", default=said("FOLLOW") or plan.follow_per_s, type=_number(0, 1000),
        help="writes a second that are asked after until they are applied")  # fmt: skip
    add("--targets", default=said("TARGETS") or targets, help=verdict.__doc__)


def plan_of(told: argparse.Namespace) -> tuple[Plan, Sequence[Target]]:
    """Raises Problem about what makes no sense."""
    try:
        return Plan(
            api=api_of(told.api), per_s=told.rate, duration_s=told.duration, mix=mix.parse(told.mix),
            poisson=told.arrivals == "poisson", in_flight_max=int(told.in_flight), timeout_s=told.timeout,
            follow_per_s=told.follow,
        ), verdict.parse(told.targets)  # fmt: skip
    except ValueError as error:
        raise Problem(str(error)) from None


def api_of(told: str) -> str:
    """Base URL of the api. Raises Problem."""
    if not told:
        return f"http://{next(program.address for program in programs(saved()) if program.name == 'api')}"
    try:
        address_of(told)
    except ValueError as error:
        raise Problem(f"API={error}", "API=http://localhost:8080") from None
    return told.rstrip("/")


def key_header() -> str:
    """With HOLDFAST_API_KEY, where the api wants one."""
    key = said("HOLDFAST_API_KEY")
    return f"Authorization: Bearer {key}\r\n" if key else ""


def said(name: str) -> str:
    """A variable, or nothing."""
    return os.environ.get(name, "").strip()


def _number(low: float, high: float) -> Callable[[object], float]:
    def number(text: object) -> float:
        value = float(str(text))
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low:g} and {high:g}")
        return value

    return number


def whole(low: int, high: int) -> Callable[[object], int]:
    """For options that count."""
    return lambda text: int(_number(low, high)(text))
