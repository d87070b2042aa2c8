"""Partial failure in virtual time: the shipped policy gives as many good answers as the best of the simpler
policies."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog

from deploy.load.virtual import Outcome, Scene, run
from deploy.load.virtual_points import CALLS_MAX, POLICIES, SCENES, SHIPPED
from holdfast.services.external_proxy.answers import ErrorStatus

_SHORT = {"faulty_s": 100.0, "healthy_s": 10.0}
_SIMPLER = ("none", "retry + budget", "retry + budget + on/off")


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """The log, reduced to critical lines for this module and restored afterwards, so that later tests find their lines
    where they expect them."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def _short(name: str) -> Scene:
    return replace(SCENES[name], **_SHORT)


def _good(outcome: Outcome) -> float:
    return outcome.good / outcome.requests


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("errors", 0.35), ("errors", 0.9), ("errors", 0.95), ("errors", 0.99), ("connections", 0.5),
        ("connections", 0.99), ("nearly full", 0.65), ("too much", 0.0), ("too much", 0.5),
    ],
)  # fmt: skip
def test_no_simpler_policy_does_better(name: str, share: float) -> None:
    """The shipped policy gives at least 0.97 of the good answers of the best simpler policy, with and without a
    capacity limit of the third party, with at most 1.1 calls per request."""
    scene = _short(name) if share < 0.9 else replace(_short(name), faulty_s=max(400.0, 10 / (1 - share)))
    shipped = run(scene, share, POLICIES[SHIPPED], seed=3)
    best = max(_good(run(scene, share, POLICIES[simpler], seed=3)) for simpler in _SIMPLER)
    assert _good(shipped) >= 0.97 * best
    assert shipped.calls <= (CALLS_MAX + 0.01) * shipped.requests


def test_a_429_that_names_no_time_stops_nobody_else() -> None:
    """A 429 without a time to retry stops only its own request: the others are answered, whatever the share of such
    refusals."""
    scene = replace(_short("errors"), error=lambda: ErrorStatus(429, None))
    assert _good(run(scene, 0.35, POLICIES[SHIPPED], seed=3)) >= 0.65


@pytest.mark.parametrize("name", ["errors", "connections"])
def test_total_failure_is_contained(name: str) -> None:
    """In total failure the breaker opens after no more calls than an on/off breaker needs, and in five minutes at most
    15 % of the requests lead to calls."""
    shipped = run(SCENES[name], 1.0, POLICIES[SHIPPED], seed=3)
    on_off = run(_short(name), 1.0, POLICIES["retry + budget + on/off"], seed=3)
    assert shipped.calls <= 0.15 * shipped.requests
    assert shipped.opened_after is not None
    assert on_off.opened_after is not None
    assert shipped.opened_after <= on_off.opened_after


@pytest.mark.parametrize("excess", [1.25, 2.0, 4.0])
def test_too_much_is_shed_and_the_rest_is_answered(excess: float) -> None:
    """A third party that also works on abandoned requests gives at least four fifths of its capacity with the shipped
    policy, and at most half of it with retries and a budget."""
    scene = Scene(20 * excess, at_once=1, service_s=0.05, healthy_s=0.0, faulty_s=100.0)
    assert run(scene, 0.0, POLICIES[SHIPPED], seed=1).good >= 0.8 * 20 * 100
    assert run(scene, 0.0, POLICIES["retry + budget"], seed=1).good <= 0.5 * 20 * 100
