"""Database: runs the store's blocking calls in dedicated threads, and translates the store's faults into API errors."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import ceil
from typing import Concatenate, ParamSpec, TypeVar

from holdfast.shared.errors import AppError, DatabaseUnavailable, DeadlineExceeded, OutcomeUnknown
from holdfast.shared.faults import Contention, Fault, Outage, Unexplained
from holdfast.shared.resilience import deadline
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.prober import Probe, Prober
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.breaker.verdict import Judgement, Verdict
from holdfast.shared.resilience.pool import Pool
from holdfast.shared.resilience.retry import retry_on
from holdfast.shared.runtime.time_budgets import STORE_OPEN_MAX_S
from holdfast.shared.store.classify import answered
from holdfast.shared.store.engine import Engine, round_trip

_TRIES = 6
_BACKGROUND_TRIES = 8
#: More calls than are ever made here: the breaker never opens by a share of failed calls.
_NEVER = 1_000_000

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """Runs store functions: `await database.read(groups.page, ...)`. Background work and the auditor have threads of
    their own."""

    def __init__(self, engine: Engine, *, threads: int, background: int, audit: int, read_timeout_s: float) -> None:
        self.engine = engine
        #: Reserved for the auditor, whose waits block no other caller.
        self.auditing = Pool("audit", audit)
        self._questions = Pool("questions", threads)
        self._background = Pool("background", background)
        self._read_timeout_s = read_timeout_s
        self._probing: asyncio.Future[None] | None = None
        # One query without an answer opens the breaker: the next ones fail at once.
        policy = Policy(
            attempt_timeout_s=read_timeout_s,
            window_s=max(30.0, 2 * read_timeout_s),
            unreachable_in_a_row=1,
            calls_min=_NEVER,
            open_max_s=STORE_OPEN_MAX_S,
            probes=1,
            ramp_s=0,
        )
        self.breaker = Breaker("database", policy, classify=_judge)

    def prober(self) -> Prober:
        """Return the prober of the breaker."""
        return Prober(Probe(self.breaker, self._probe, refused=answered))

    async def _probe(self) -> None:
        """Make a round trip within the read timeout. When a probe outlasts its lease, the breaker admits a page
        as the next probe, and that page waits. The next probe joins a round trip that hangs and takes no other thread.
        """
        if self._probing is None or self._probing.done():
            self._probing = asyncio.ensure_future(self._in(self._questions, partial(round_trip, self.engine)))
            self._probing.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            async with asyncio.timeout(self._read_timeout_s):
                await asyncio.shield(self._probing)
        except TimeoutError:
            raise Outage(f"no answer within {self._read_timeout_s} s") from None

    async def read(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a short read. Raises DatabaseUnavailable, or DeadlineExceeded if the request's deadline passes before the
        read timeout."""
        return await self._answer(self._read_timeout_s, lambda: work(self.engine, *args, **kwargs))

    async def at_length(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a long read, which may use all the remaining time of the request. Raises like `read`."""
        return await self._answer(float("inf"), lambda: work(self.engine, *args, **kwargs))

    async def change(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one transaction, and retry it on contention. Raises OutcomeUnknown if the transaction may have been
        committed, and DatabaseUnavailable if contention persists."""

        async def once() -> T:
            return await self._in(self._questions, lambda: work(self.engine, *args, **kwargs))

        try:
            return await retry_on(Contention, once, base_s=0.02, cap_s=0.5, attempts=_TRIES)
        except Contention as fault:
            raise DatabaseUnavailable("Other requests are changing these dead letters; nothing was done.") from fault
        except Fault as fault:
            raise OutcomeUnknown() from fault

    async def work(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run background work. Raises the store's faults unchanged."""
        return await self._in(self._background, lambda: work(self.engine, *args, **kwargs))

    async def work_again(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run background work that is safe to repeat, and retry it when another transaction interferes."""
        once = lambda: self.work(work, *args, **kwargs)  # noqa: E731 - called again
        return await retry_on(Contention, once, base_s=0.01, cap_s=0.2, attempts=_BACKGROUND_TRIES)

    async def audit(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run work of the auditor. Raises the store's faults unchanged."""
        return await self._in(self.auditing, lambda: work(self.engine, *args, **kwargs))

    async def _answer(self, limit_s: float, work: Callable[[], T]) -> T:
        left_s = deadline.remaining_s()

        async def in_time() -> T:
            try:
                async with asyncio.timeout(None if min(limit_s, left_s) == float("inf") else min(limit_s, left_s)):
                    return await self._in(self._questions, work)
            except TimeoutError:
                if left_s <= limit_s:  # a short deadline of the caller says nothing about the database
                    raise DeadlineExceeded() from None
                raise Outage(f"no answer within {limit_s} s") from None

        try:
            return await self.breaker.call_async(in_time)
        except CallRefused as refused:
            raise DatabaseUnavailable(retry_after_s=ceil(refused.retry_after_s)) from refused
        except Fault as fault:
            raise DatabaseUnavailable() from fault

    async def _in(self, pool: Pool, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def close(self) -> None:
        """Drop what is queued. Calls that still run end with the driver's timeout."""
        for pool in (self._questions, self._background, self.auditing):
            pool.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()


@contextmanager
def after_change() -> Iterator[None]:
    """Wrap the read of what a change did. Raises OutcomeUnknown if it fails, because its own errors state that nothing
    happened, and whoever believes that repeats the change."""
    try:
        yield
    except (DatabaseUnavailable, DeadlineExceeded) as error:
        raise OutcomeUnknown() from error


@contextmanager
def certain_if(dry_run: bool) -> Iterator[None]:
    """Wrap a change and the read of what it did. If it is a dry run, nothing has changed whatever failed: raises
    DatabaseUnavailable or DeadlineExceeded instead of OutcomeUnknown."""
    try:
        yield
    except OutcomeUnknown as error:
        if not dry_run:
            raise
        why = error.__cause__
        raise why if isinstance(why, AppError) else DatabaseUnavailable() from why


def _judge(error: Exception) -> Judgement:
    match error:
        case Outage():
            return Verdict.UNREACHABLE
        case DeadlineExceeded():
            return Verdict.NEUTRAL
        case Unexplained():
            return Verdict.FAILURE
        case _:
            return Verdict.SUCCESS  # the database answered; the fault is in our query
