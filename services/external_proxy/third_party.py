"""Third party: one question to it, with everything around: attempts, breaker, time."""

from collections.abc import Mapping
from typing import NamedTuple

from holdfast.services.external_proxy.answers import (
    ErrorStatus,
    RetryRefused,
    judgement,
    retry_after_s,
    retry_decision,
    told,
)
from holdfast.services.external_proxy.live import Live
from holdfast.shared.errors import DeadlineExceeded
from holdfast.shared.http.client import Answer, CallFailed, HttpClient, Limits
from holdfast.shared.resilience import deadline
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.retry import Retrier
from holdfast.shared.runtime.time_budgets import ANSWER_RESERVE_S

_IDEMPOTENT = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}


class Question(NamedTuple):
    """A request to the third party. `headers` are sent with every attempt."""

    operation: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None

    @property
    def idempotent(self) -> bool:
        """By its method."""
        return self.method in _IDEMPOTENT

    @property
    def keyed(self) -> bool:
        """By an Idempotency-Key."""
        return "Idempotency-Key" in self.headers


def make_breaker(host: str, operation: str, policy: Policy) -> Breaker:
    """One for each host and kind of operation: a third party may still be read while it takes no writes."""
    return Breaker(f"{host} {operation}", policy, classify=judgement, deadline=deadline.end)


class ThirdParty:
    """`breakers`: one an operation."""

    def __init__(self, client: HttpClient, breakers: Mapping[str, Breaker], retrier: Retrier, live: Live) -> None:
        self._client = client
        self._breakers = breakers
        self._retrier = retrier
        self._live = live

    async def ask(self, question: Question) -> Answer:
        """Its answer, a 2xx with a JSON document. Raises AppError."""
        left_s = deadline.remaining_s() - ANSWER_RESERVE_S
        if left_s < self._retrier.limits.least_s:
            raise DeadlineExceeded
        ended: Exception | None = None

        async def attempt(number: int) -> Answer:
            nonlocal ended
            try:
                return await self._breakers[question.operation].call_async(self._attempt, question, number)
            except CallRefused as refused:
                if ended is not None:
                    raise RetryRefused(ended) from refused
                raise
            except (CallFailed, ErrorStatus) as error:
                ended = error
                raise

        with deadline.scope(min(left_s, self._live.config.total_s)):
            try:
                return await self._retrier.run(
                    attempt,
                    lambda error: retry_decision(error, idempotent=question.idempotent, keyed=question.keyed),
                    deadline.remaining_s,
                )
            except (CallRefused, CallFailed, ErrorStatus, RetryRefused) as error:
                raise told(error, idempotent=question.idempotent) from error

    async def _attempt(self, question: Question, number: int) -> Answer:
        config = self._live.config
        limit_s = min(config.attempt_s, deadline.remaining_s())
        headers = {
            **question.headers,
            "X-Attempt-Count": str(number),
            "X-Request-Timeout-Ms": str(max(1, int(limit_s * 1000))),
        }
        limits = Limits(limit_s, config.connect_s, config.body_max_bytes)
        answer = await self._client.call(question.method, question.path, limits, headers, question.body)
        if not 200 <= answer.status < 300:
            raise ErrorStatus(answer.status, retry_after_s(answer.headers, config.retry_after_max_s))
        return answer
