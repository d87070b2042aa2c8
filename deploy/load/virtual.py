"""Virtual: clients, external_proxy's own decisions and a model of a third party, in virtual time.

The decisions are the shipped code: breaker, retry rules, retry budget, classification of errors and the configuration's
defaults. The third party, and the order of events, are models. The same seed gives the same arrivals and the same
errors.
"""

import heapq
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from holdfast.services.external_proxy.answers import ErrorStatus, judgement, retry_decision
from holdfast.services.external_proxy.config import Config
from holdfast.shared.http.client import NotReached, TookTooLong, TooManyAtOnce
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.retry_budget import RetryBudget
from holdfast.shared.resilience.retry_rules import RetryAllowed

_ATTEMPTS_MAX = 3
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Scene:
    """The third party and the load. `at_once`: its limit of calls, or None; calls over the limit wait in order, and are
    worked off even if their client has left. An error costs the third party as much as an answer. `error`: what fails.
    """

    per_s: float
    service_s: float = 0.05
    at_once: int | None = None
    error: Callable[[], Exception] = lambda: ErrorStatus(503, None)
    #: Seconds before `share` of the calls fails, and seconds measured after that.
    healthy_s: float = 30.0
    faulty_s: float = 300.0


@dataclass(slots=True)
class Outcome:
    """The results of the requests that came while calls failed. `opened_after`: calls until the breaker opened."""

    requests: int = 0
    good: int = 0
    calls: int = 0
    opened_after: int | None = None


@dataclass(slots=True)
class _Request:
    ends: float
    counted: bool
    #: Random numbers of each request's attempts, independent of other requests, so that all policies meet the same
    #: faults.
    fails: tuple[bool, ...]
    attempts: int = 0


@dataclass(slots=True)
class _Run:
    """One run: an agenda of moments and the events at each."""

    scene: Scene
    share: float
    config: Config
    chance: random.Random
    faults: random.Random
    now: float = 0.0
    in_flight: int = 0
    outcome: Outcome = field(default_factory=Outcome)
    agenda: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    free_at: list[float] = field(default_factory=list)
    breaker: Breaker = field(init=False)
    budget: RetryBudget = field(init=False)
    order: Any = field(default_factory=count)

    def __post_init__(self) -> None:
        self.free_at = [0.0] * (self.scene.at_once or 0)
        self.budget = RetryBudget(earned=self.config.retry_share)
        self.breaker = Breaker(
            "model",
            self.config.policy(),
            classify=judgement,
            clock=lambda: self.now,
            wall=lambda: _LONG_AGO + timedelta(seconds=self.now),
            random=self.chance.random,
        )

    def go(self) -> Outcome:
        """Run until the last request has ended."""
        self.at(0.0, self.arrive)
        while self.agenda:
            self.now, _, happen = heapq.heappop(self.agenda)
            happen()
        return self.outcome

    def at(self, moment: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self.agenda, (moment, next(self.order), happen))

    def arrive(self) -> None:
        scene = self.scene
        if self.now >= scene.healthy_s + scene.faulty_s:
            return
        self.at(self.now + self.faults.expovariate(scene.per_s), self.arrive)
        counted = self.now >= scene.healthy_s
        fails = tuple(self.faults.random() < self.share and counted for _ in range(_ATTEMPTS_MAX))
        request = _Request(self.now + self.config.total_s, counted, fails)
        self.outcome.requests += request.counted
        self.budget.earn()
        self.attempt(request)

    def attempt(self, request: _Request) -> None:
        request.attempts += 1
        guard = self.breaker.guard()
        try:
            guard.__enter__()
        except CallRefused:
            return
        if self.in_flight >= self.config.in_flight_max:
            self.end(request, guard, TooManyAtOnce())
            return
        self.in_flight += 1
        self.outcome.calls += request.counted
        failed = request.fails[request.attempts - 1]
        answered = self.answered_at()
        given_up = self.now + min(self.config.attempt_s, request.ends - self.now)
        error = TookTooLong() if answered > given_up else self.scene.error() if failed else None
        self.at(min(answered, given_up), lambda: self.returned(request, guard, error))

    def answered_at(self) -> float:
        if not self.free_at:
            return self.now + self.scene.service_s
        done = max(self.now, self.free_at[0]) + self.scene.service_s
        heapq.heapreplace(self.free_at, done)
        return done

    def returned(self, request: _Request, guard: AbstractContextManager[None], error: Exception | None) -> None:
        self.in_flight -= 1
        self.end(request, guard, error)

    def end(self, request: _Request, guard: AbstractContextManager[None], error: Exception | None) -> None:
        guard.__exit__(type(error) if error else None, error, None)
        outcome = self.outcome
        if outcome.opened_after is None and self.breaker.opened:
            outcome.opened_after = outcome.calls
        if error is None:
            outcome.good += request.counted
            return
        limits = self.config.retries()
        decision = retry_decision(error, idempotent=True, keyed=False)
        if not isinstance(decision, RetryAllowed) or request.attempts >= limits.most:
            return
        pause_s = self.chance.uniform(0, min(limits.cap_s, limits.base_s * 2 ** (request.attempts - 1)))
        pause_s += decision.not_before_s or 0.0
        if self.now + pause_s + limits.least_s <= request.ends and self.budget.spend():
            self.at(self.now + pause_s, lambda: self.attempt(request))


def run(scene: Scene, share: float, config: Mapping[str, Any], *, seed: int) -> Outcome:
    """Run one policy in one scene, with `share` of the calls failing."""
    chance, faults = random.Random(seed), random.Random(seed + 1)  # noqa: S311 - repeatable, no secrets
    return _Run(scene, share, Config.model_validate(config), chance, faults).go()


def refused_connection() -> Exception:
    """Return the `error` of a scene in which nothing listens at some of the addresses."""
    return NotReached("ClientConnectorError")
