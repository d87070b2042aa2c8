"""Third party: sends requests to the third party, with retries, a breaker and time limits."""

from collections.abc import Mapping
from typing import NamedTuple

from holdfast.services.external_proxy.answers import (
    ErrorStatus,
    RetryRefused,
    answer_to,
    judgement,
    retry_after_s,
    retry_decision,
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


class ThirdPartyRequest(NamedTuple):
    """A request to the third party. `headers` are sent with every attempt."""

    operation: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None

    @property
    def idempotent(self) -> bool:
        """Whether its method is idempotent (RFC 9110)."""
        return self.method in _IDEMPOTENT

    @property
    def keyed(self) -> bool:
        """Whether it has an Idempotency-Key."""
        return "Idempotency-Key" in self.headers


def make_breaker(host: str, operation: str, policy: Policy) -> Breaker:
    """Make the breaker of one host and kind of operation: a third party may answer reads while it refuses writes."""
    return Breaker(f"{host} {operation}", policy, classify=judgement, deadline=deadline.end)


class ThirdParty:
    """The third party, called with retries and through a breaker per operation."""

    def __init__(self, client: HttpClient, breakers: Mapping[str, Breaker], retrier: Retrier, live: Live) -> None:
        self._client = client
        self._breakers = breakers
        self._retrier = retrier
        self._live = live

    async def ask(self, request: ThirdPartyRequest) -> Answer:
        """Return the third party's answer: a 2xx with a JSON document. Raises AppError."""
        left_s = deadline.remaining_s() - ANSWER_RESERVE_S
        if left_s < self._retrier.limits.least_s:
            raise DeadlineExceeded
        ended: list[Exception] = []

        async def attempt(number: int) -> Answer:
            try:
                return await self._breakers[request.operation].call_async(self._attempt, request, number)
            except CallRefused as refused:
                if ended:
                    raise RetryRefused(ended[-1], refused.retry_after_s) from refused
                raise
            except (CallFailed, ErrorStatus) as error:
                ended.append(error)
                raise

        with deadline.scope(min(left_s, self._live.config.total_s)):
            try:
                return await self._retrier.run(
                    attempt,
                    lambda error: retry_decision(error, idempotent=request.idempotent, keyed=request.keyed),
                    deadline.remaining_s,
                )
            except (CallRefused, CallFailed, ErrorStatus, RetryRefused) as error:
                raise answer_to(error, idempotent=request.idempotent, earlier=ended) from error

    async def _attempt(self, request: ThirdPartyRequest, number: int) -> Answer:
        config = self._live.config
        limit_s = min(config.attempt_s, deadline.remaining_s())
        headers = {
            **request.headers,
            "X-Attempt-Count": str(number),
            "X-Request-Timeout-Ms": str(max(1, int(limit_s * 1000))),
        }
        limits = Limits(limit_s, config.connect_s, config.body_max_bytes)
        answer = await self._client.call(request.method, request.path, limits, headers, request.body)
        if not 200 <= answer.status < 300:
            raise ErrorStatus(answer.status, retry_after_s(answer.headers, config.retry_after_max_s))
        return answer
