"""Evidence: a write to the database decides what an error means for an entry, whatever its error number."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa

from holdfast.services.writer.apply import Applier
from holdfast.services.writer.deferred import backoff_s
from holdfast.services.writer.hold import Hold, database_breaker
from holdfast.services.writer.pace import Pace
from holdfast.services.writer.settings import WriterSettings
from holdfast.shared.faults import BadData, Contention, Fault, Outage, Unexplained
from holdfast.shared.store.classify import NotConnected, classify
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Applied, Dead, Outcome, Reason, Retry

CONTENTION = {1062, 1205, 1213}
DATA = 1406

#: The error number of call number n for these entries (none for a control write), or None if the call succeeds.
Wrong = Callable[[int, list[int]], int | None]


def any_number() -> int:
    """Return an arbitrary error number of the servers' or the clients' range, whether or not it is known."""
    return random.choice([number for number in (*range(1000, 5000), 9001, 31_000) if number not in CONTENTION])


def fault_of(number: int, error: type[pymysql.err.DatabaseError] = pymysql.err.OperationalError) -> Fault:
    """Return the fault as the store raises it."""
    return classify(sa.exc.DBAPIError.instance("a statement", {}, error(number, "a text"), pymysql.err.Error))  # type: ignore[arg-type]


async def applied(batch: list[int], wrong: Wrong) -> list[Outcome]:
    """Return the outcomes of a batch, in which entry number n is Applied(n) if all is well."""
    calls = iter(range(10**6))

    def transaction(entries: list[Any], _again: bool = False) -> list[Outcome]:
        number = wrong(next(calls), [delivery.write for delivery in entries])
        if number is not None:
            raise fault_of(number)
        return [Applied(delivery.write) for delivery in entries]

    async def control_write() -> None:
        transaction([])

    breaker = database_breaker(timeout_s=1)
    hold = Hold(breaker, control_write)
    probing = asyncio.create_task(hold.prober(lambda _least, _most: 0.01).run())
    deliveries: Any = [Delivery(number, f"{number}-0") for number in batch]  # type: ignore[arg-type]
    try:
        with ThreadPoolExecutor(2) as threads:
            apply = Applier(transaction, threads, breaker, hold, Pace(len(batch), target_s=1))
            async with asyncio.timeout(60):
                return await apply(deliveries)
    finally:
        probing.cancel()


def well(batch: list[int]) -> list[Outcome]:
    """Return the outcomes of a batch in which all is well."""
    return [Applied(number) for number in batch]


async def test_a_fault_that_comes_and_goes_is_no_entry_s() -> None:
    """A temporary fault is charged to no entry and everything is applied, whatever its number and whenever it begins
    and ends: in the middle of the search for a culprit, between a failure and the control write, or before the last
    one."""
    batch = list(range(5))

    def between(begins: int, ends: int, number: int) -> Wrong:
        return lambda call, _: number if begins <= call < ends else None

    cases = [(begins, begins + lasts) for begins in range(4) for lasts in (1, 2, 3, 5, 9)]
    numbers = [*(any_number() for _ in cases), DATA, 1820, 1792]
    outcomes = await asyncio.gather(
        *(applied(batch, between(*case, numbers[at % len(numbers)])) for at, case in enumerate([*cases, *cases[:3]]))
    )
    assert outcomes == [well(batch)] * (len(cases) + 3)


@pytest.mark.parametrize("number", [DATA, 1290, 1644, 2013, 9001, None], ids=str)
async def test_an_entry_that_fails_alone_is_found(number: int | None) -> None:
    """An entry that fails alone is found among its neighbours, which are applied: it is dead if its data is refused,
    and otherwise charged. This holds even for a number that means that the database is away, which control writes
    disprove."""
    number = number or any_number()
    batch = list(range(20))
    outcomes = await applied(batch, lambda _, entries: number if 13 in entries else None)
    assert outcomes[:13] + outcomes[14:] == well(batch[:13] + batch[14:])
    match outcomes[13]:
        case Dead(reason):
            assert (reason, type(fault_of(number))) == (Reason.INVALID_DATA, BadData)
        case outcome:
            assert isinstance(outcome, Retry)
            assert outcome.failure
            assert outcome.failure.message == f"database error {number}"


async def test_a_poisonous_entry_in_an_outage_waits_for_its_end() -> None:
    """An error while control writes fail says nothing about an entry, even if the error is about data, so the entry
    waits for the end of the outage."""

    def wrong(call: int, entries: list[int]) -> int | None:
        return 1820 if call < 6 else DATA if 2 in entries else None

    outcomes = await applied([0, 1, 2, 3], wrong)
    assert [type(outcome) for outcome in outcomes] == [Applied, Applied, Dead, Applied]


async def test_contention_charges_nobody() -> None:
    """A lock of another transaction on one row is charged to no entry: the affected entry is retried, and the others
    are applied."""
    outcomes = await applied([0, 1, 2], lambda _, entries: 1205 if 1 in entries else None)
    assert outcomes == [Applied(0), Retry(), Applied(2)]


def test_every_error_is_a_fault() -> None:
    """Every error of any number and class is classified as a fault, and every error of a connection that could not be
    made is an outage."""
    kinds = {type(fault_of(number)) for number in range(900, 6000)}
    assert kinds >= {Outage, BadData, Unexplained}
    assert all(issubclass(kind, Fault) for kind in kinds)
    assert isinstance(fault_of(1205), Contention)
    assert {type(fault_of(number, NotConnected)) for number in (1406, 2013, 9001)} == {Outage}
    assert isinstance(classify(sa.exc.PendingRollbackError("")), Unexplained)


def test_the_tries_are_spread_over_minutes() -> None:
    """With the default settings the attempts are spread over 1 to 10 minutes by random pauses, so that they come
    neither at once nor all together."""
    settings = WriterSettings.model_fields
    base_s, cap_s = (settings[f"writer_backoff_{name}_s"].default for name in ("base", "cap"))
    tries = settings["writer_attempts_max"].default
    totals = {sum(backoff_s(attempt, base_s, cap_s) for attempt in range(1, tries)) for _ in range(100)}
    assert len(totals) == 100
    assert 60 < min(totals) < max(totals) < 600
