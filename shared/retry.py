"""Retry: the one module that imports tenacity. Always full jitter, always an end or a reason to have none."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_never,
    wait_random_exponential,
)

T = TypeVar("T")


async def again_on(
    error: type[BaseException] | tuple[type[BaseException], ...],
    call: Callable[[], Awaitable[T]],
    *,
    base_s: float,
    cap_s: float,
    attempts: int | None,
    before_sleep: Callable[[RetryCallState], None] | None = None,
) -> T:
    """`call()` until it raises something else than `error`, or `attempts` are used up (None: never).

    Waits uniform(0, min(cap_s, base_s * 2**n)) seconds before try n + 1, and raises the last error itself.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(error),
        wait=wait_random_exponential(multiplier=base_s, max=cap_s),
        stop=stop_never if attempts is None else stop_after_attempt(attempts),
        before_sleep=before_sleep,
        reraise=True,
    )

    async def attempt() -> T:  # tenacity awaits only what it can see to be a coroutine function
        return await call()

    return await retrying(attempt)
