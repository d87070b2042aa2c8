"""dlq_admin's database: a hang costs one page its time limit."""

import threading

import pytest
from sqlalchemy import create_engine

from holdfast.services.dlq_admin import database
from holdfast.services.dlq_admin.database import Database
from holdfast.shared.errors import DatabaseUnavailable
from holdfast.shared.resilience.breaker.snapshot import State


@pytest.mark.parametrize("read_timeout_s", [0.02])
async def test_a_probe_of_a_hanging_database_ends_in_the_time_of_a_page(
    monkeypatch: pytest.MonkeyPatch, read_timeout_s: float
) -> None:
    """A probe of a hanging database ends within a page's time limit and takes one thread, however often it is made;
    pages are refused at once meanwhile."""
    back, asked = threading.Event(), list[object]()

    def hanging(engine: object) -> None:
        asked.append(engine)
        assert back.wait(60)

    monkeypatch.setattr(database, "round_trip", hanging)
    known = Database(create_engine("sqlite://"), threads=2, background=1, audit=1, read_timeout_s=read_timeout_s)
    try:
        with pytest.raises(DatabaseUnavailable):
            await known.read(hanging)
        prober = known.prober()
        for _ in range(5):
            await prober.turn()
            assert known.breaker.state is State.OPEN
            with pytest.raises(DatabaseUnavailable):
                await known.read(asked.append)
        assert len(asked) == 2  # the page, and one probe
    finally:
        back.set()
        known.close()
