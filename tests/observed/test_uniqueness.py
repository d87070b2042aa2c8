"""Uniqueness: a key that is gone, or not unique any more, is reported until it is restored."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pymysql
import pytest

from holdfast.services.dlq_admin.auditor.uniqueness import Uniqueness
from holdfast.shared.store.engine import Engine, make_engine
from holdfast.shared.store.kept_unique import kept_unique
from holdfast.shared.telemetry import metrics
from tests.database_faults import as_root
from tests.models.database.waits import Threaded
from tests.models.database_server import DatabaseModel
from tests.processes import login_of
from tests.servers import PATIENT_DATABASE, Database


@pytest.fixture
def engine(own_database: Database) -> Iterator[Engine]:
    """The engine that dlq_admin uses."""
    made = make_engine(login_of("dlq_admin", own_database.dsn), PATIENT_DATABASE, 1)
    yield made
    made.dispose()


def _lost() -> set[tuple[str, str]]:
    [family] = metrics.uniqueness_lost.collect()
    return {(one.labels["table"], one.labels["columns"]) for one in family.samples if one.value}


_PLAIN = "DROP INDEX users_email_key, ADD INDEX users_email_key (email_key)"
_OF_A_PART = "DROP INDEX users_email_key, ADD UNIQUE INDEX users_email_key (email_key(3))"
_INDEX_AGAIN = "DROP INDEX users_email_key, ADD UNIQUE INDEX users_email_key (email_key)"


@pytest.mark.parametrize(
    ("table", "columns", "broken", "mended"),
    [
        ("users", "email_key", _PLAIN, _INDEX_AGAIN),
        ("users", "email_key", _OF_A_PART, _INDEX_AGAIN),
        ("users", "id", "DROP PRIMARY KEY", "ADD PRIMARY KEY (id)"),
        ("operations", "operation_id", "DROP PRIMARY KEY", "ADD PRIMARY KEY (operation_id)"),
        ("queue_epochs", "epoch", "DROP PRIMARY KEY", "ADD PRIMARY KEY (epoch)"),
    ],
)
async def test_a_lost_key_is_named(
    engine: Engine, own_database: Database, table: str, columns: str, broken: str, mended: str
) -> None:
    """A lost unique key is reported until it is restored, also if another index has its name."""

    async def audit(work: Callable[..., Any]) -> Any:
        return await asyncio.to_thread(work, engine)

    look = Uniqueness(SimpleNamespace(audit=audit)).probe.once  # type: ignore[arg-type]  # all that it uses
    assert await look()
    assert _lost() == set()
    as_root(own_database, f"ALTER TABLE holdfast.{table} {broken}")
    try:
        assert await look()
        assert _lost() == {(table, columns)}
    finally:
        as_root(own_database, f"ALTER TABLE holdfast.{table} {mended}")
    assert await look()
    assert _lost() == set()


def test_the_model_keeps_unique_what_a_server_does(engine: Engine) -> None:
    """The model keeps the same columns unique as a real server, so the simulated auditor sees the same."""
    model = DatabaseModel(time.time, random.Random(1), Threaded())
    with patch.object(pymysql, "connect", model.connect):
        simulated = make_engine("mysql://u:p@127.0.0.1/holdfast", PATIENT_DATABASE, 1)
        kept = kept_unique(simulated)
        simulated.dispose()
    there = kept_unique(engine)
    assert {each: kept[each] for each in there} == there
    assert all(kept.values())


def test_all_that_writes_need_is_looked_at(engine: Engine) -> None:
    """Every unique key that writes need is checked, with the rights of dlq_admin, which checks them."""
    assert {each.table for each in kept_unique(engine)} >= {
        "users", "operations", "operation_totals", "queue_epochs", "released_values", "deleted_entities",
    }  # fmt: skip
