"""Policies: what a client does if it gets no answer, and what its server does with the requests of clients that have
left."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.policy import Policy as BreakerPolicy
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.breaker.verdict import Judgement, Verdict
from holdfast.shared.resilience.retry import Retrier, retry_on
from holdfast.shared.resilience.retry_budget import RetryBudget
from holdfast.shared.resilience.retry_rules import RetryAllowed, RetryDecision, RetryLimits, Suppressed
from tests.metastable.server import Expired, Full, Server
from tests.metastable.virtual_time import now_s

ATTEMPT_S = 1.0
ATTEMPTS = 3
_BASE_S, _CAP_S = 0.1, 1.0
_QUEUE_MAX = 50
_TRANSIENT = (TimeoutError, Full, Expired)

#: `await send()` makes one attempt, which is counted.
Send = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy of clients and their server. `client(send, seed)` returns the call that a client makes, which raises if
    there is no answer."""

    name: str
    client: Callable[[Send, int], Callable[[], Awaitable[None]]]
    queue_max: int | None = None
    drops_expired: bool = False


def _once(send: Send, _seed: int) -> Callable[[], Awaitable[None]]:
    return send


def _naive(send: Send, _seed: int) -> Callable[[], Awaitable[None]]:
    return lambda: retry_on(_TRANSIENT, send, base_s=_BASE_S, cap_s=_CAP_S, attempts=ATTEMPTS)


def _budgeted(send: Send, _seed: int) -> Callable[[], Awaitable[None]]:
    retrier = Retrier("the demo's server", RetryBudget(), RetryLimits(ATTEMPTS, _BASE_S, _CAP_S))
    return lambda: _with(retrier, send)


def _holdfast(send: Send, seed: int) -> Callable[[], Awaitable[None]]:
    retrier = Retrier("the demo's server", RetryBudget(), RetryLimits(ATTEMPTS, _BASE_S, _CAP_S))
    breaker = Breaker(
        "the demo's server", BreakerPolicy(attempt_timeout_s=ATTEMPT_S), classify=_judge,
        clock=now_s, random=random.Random(seed).random,
    )  # fmt: skip
    return lambda: _with(retrier, lambda: breaker.call_async(send))


def _judge(error: Exception) -> Judgement:
    return Verdict.UNREACHABLE if isinstance(error, TimeoutError) else Verdict.FAILURE


async def _with(retrier: Retrier, send: Send) -> None:
    ends_s = now_s() + ATTEMPTS * ATTEMPT_S

    def retry_decision(error: Exception) -> RetryDecision:
        if isinstance(error, CallRefused):
            return Suppressed.OPEN
        return RetryAllowed() if isinstance(error, _TRANSIENT) else None

    await retrier.run(lambda _: send(), retry_decision, lambda: ends_s - now_s())


POLICIES = (
    Policy("no retries", _once),
    Policy("naive: 3 attempts, full jitter", _naive),
    Policy("the same with a retry budget", _budgeted),
    Policy("budget, bounded queue, deadlines kept", _budgeted, _QUEUE_MAX, drops_expired=True),
    Policy("Holdfast: all that, breaker and copies", _holdfast, _QUEUE_MAX, drops_expired=True),
)


async def attempt(server: Server) -> None:
    """Make one attempt with its timeout. Raises one of the transient errors."""
    async with asyncio.timeout(ATTEMPT_S):
        await server.ask(now_s() + ATTEMPT_S)
