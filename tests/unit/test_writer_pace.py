"""The pace: small batches after an outage, full ones when healthy, halved ones when the database is slow."""

from itertools import pairwise

import pytest

from holdfast.services.writer.pace import Pace

BATCH_MAX, TARGET_S = 500, 0.5


@pytest.fixture
def pace() -> Pace:
    """The pace of a writer with a healthy database."""
    return Pace(BATCH_MAX, target_s=TARGET_S)


def work(pace: Pace, now: float, for_s: float, each_s: float) -> float:
    """Run transactions of `each_s`, one after another, and return when the last one ends."""
    end = now + for_s
    while now < end:
        pace.ended(now, now + each_s)
        now += each_s
    return now


def test_in_health_it_takes_everything(pace: Pace) -> None:
    """With a healthy database every batch is full, however long the writer works, and without a ramp at the start."""
    assert (pace.batch, pace.full) == (BATCH_MAX, True)
    work(pace, 100, 60, 0.05)
    assert (pace.batch, pace.full) == (BATCH_MAX, True)


@pytest.mark.parametrize(("each_s", "transactions"), [(0.005, 5), (0.05, 5), (0.25, 8), (0.4, 17)])
def test_after_an_outage_it_grows_by_results(pace: Pace, each_s: float, transactions: int) -> None:
    """After an outage each quick transaction nearly doubles the next one, and a transaction that needs much of its
    target adds little."""
    pace.begin_again(100)
    assert (pace.batch, pace.full) == (25, False)
    now, sizes = 100.0, [pace.batch]
    while not pace.full:
        pace.ended(now, now + each_s)
        now += each_s
        sizes.append(pace.batch)
    assert len(sizes) - 1 == transactions
    assert all(size <= later <= 2 * size for size, later in pairwise(sizes))


def test_waiting_is_no_good_service(pace: Pace) -> None:
    """An hour without a transaction does not let the batch grow, and the transaction after it counts as much as any
    other."""
    pace.begin_again(100)
    pace.ended(3700, 3700.01)
    assert pace.batch <= 50


def test_a_slow_transaction_halves_it(pace: Pace) -> None:
    """Slow transactions halve the batch, down to a floor at which the writer still works."""
    pace.ended(100, 101)
    assert (pace.batch, pace.full) == (BATCH_MAX // 2, False)
    work(pace, 101, 60, 1)
    assert pace.batch == 25


def test_two_slow_ones_side_by_side_are_one_sign(pace: Pace) -> None:
    """Two slow transactions side by side halve the batch once, because the second began before the reaction to the
    first."""
    pace.ended(100, 101)
    pace.ended(100.1, 101.1)
    assert pace.batch == BATCH_MAX // 2
    pace.ended(101.1, 102)
    assert pace.batch == BATCH_MAX // 4


def test_it_finds_what_the_database_can_do(pace: Pace) -> None:
    """If a full batch takes twice the target, the batch stays around half of its maximum and never at the floor."""
    now, sizes = 100.0, []
    for _ in range(400):
        took_s = pace.batch / BATCH_MAX * 2 * TARGET_S
        pace.ended(now, now + took_s)
        now += took_s
        sizes.append(pace.batch)
    settled = sizes[100:]
    assert min(settled) >= 0.2 * BATCH_MAX
    assert 0.3 * BATCH_MAX < sum(settled) / len(settled) < 0.6 * BATCH_MAX


def test_several_writers_come_to_share_alike() -> None:
    """Two writers that fill one database, one with full batches and one at the floor, come to nearly equal shares,
    because a larger batch shrinks by more."""
    rich, poor = (Pace(BATCH_MAX, target_s=TARGET_S) for _ in range(2))
    poor.begin_again(100)
    now = 100.0
    totals = [0, 0]
    for step in range(2000):
        took_s = (rich.batch + poor.batch) / BATCH_MAX * TARGET_S
        for at, pace in enumerate((rich, poor)):
            pace.ended(now, now + took_s)
            totals[at] += pace.batch if step > 500 else 0
        now += took_s
    assert 0.8 < totals[0] / totals[1] < 1.25
