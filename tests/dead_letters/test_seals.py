"""The audit is a chain: every later change of it is detected."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from holdfast.services.dlq_admin.auditor import sealer as sealers
from holdfast.services.dlq_admin.auditor.sealer import Sealer
from holdfast.shared.letters.audit import seals
from holdfast.shared.letters.audit.entries import Actor, AuditAction, record, record_alone
from holdfast.shared.store.engine import Engine, transaction
from tests.servers import Database

_ROWS = 40


def seal_all(engine: Engine) -> None:
    """Seal until no row is left to seal."""
    while seals.seal(engine, 0) is not None:
        pass


@pytest.fixture
def sealed(engine: Engine) -> Engine:
    """An audit of some rows, sealed in two runs."""
    for number in range(_ROWS):
        record_alone(
            engine,
            Actor(f"ann{number}", "operate", "why — ünïcode", "req"),
            AuditAction.REVEAL,
            numbers=[],
            selection={"n": number},
        )
        if number in (_ROWS // 2, _ROWS - 1):
            seal_all(engine)
    return engine


def test_an_audit_that_nobody_touched_is_whole(sealed: Engine) -> None:
    """Every row is sealed once, however often sealing runs, and a new row waits for its seal."""
    seal_all(sealed)
    verdict = seals.verify(sealed)
    assert (verdict.rows, verdict.unsealed, verdict.problems) == (_ROWS, 0, ())
    record_alone(sealed, Actor("bob", "operate", "later", "req"), AuditAction.REVEAL, numbers=[])
    assert seals.verify(sealed).unsealed == 1


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit_log SET actor = 'somebody' WHERE id = {id}",
        "UPDATE audit_log SET reason = CONCAT(reason, ' ') WHERE id = {id}",
        "UPDATE audit_log SET at = at + INTERVAL 1 MICROSECOND WHERE id = {id}",
        "UPDATE audit_log SET selection = NULL WHERE id = {id}",
        "UPDATE audit_log SET letters = letters + 1 WHERE id = {id}",
        "DELETE FROM audit_log WHERE id = {id}",
        "DELETE FROM audit_seals WHERE audit_id = {id}",
        "UPDATE audit_seals SET hash = REPEAT('a', 64) WHERE audit_id = {id}",
    ],
)
def test_tampering_is_found(sealed: Engine, database: Database, tampering: str) -> None:
    """A change of any column is found, in any row but the newest, whose hash is in the log as well."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM audit_log ORDER BY id")
        ids = [id for (id,) in cursor.fetchall()]
        cursor.execute(tampering.format(id=random.Random(tampering).choice(ids[:-1])))
        assert cursor.rowcount == 1
    assert seals.verify(sealed).problems


def test_replicas_that_seal_at_once_make_one_chain(engine: Engine) -> None:
    """Replicas that seal at once while others write make one whole chain, with one seal per row."""

    def write(number: int) -> None:
        record_alone(engine, Actor(f"ann{number}", "operate", "why", "req"), AuditAction.REVEAL, numbers=[])

    with ThreadPoolExecutor(6) as pool:
        work = [pool.submit(write, number) for number in range(60)]
        work += [pool.submit(seals.seal, engine, 0) for _ in range(30)]  # type: ignore[misc]
        for each in work:
            each.result()
    seal_all(engine)
    verdict = seals.verify(engine)
    assert (verdict.rows, verdict.unsealed, verdict.problems) == (60, 0, ())


async def test_an_entry_that_commits_late_is_sealed(
    engine: Engine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry is sealed however many later ones were committed and sealed before it, without a restart."""
    monkeypatch.setattr(sealers, "_AGAIN", 5)
    with database.connect() as opened, opened.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_log AUTO_INCREMENT = 1")  # the walk is as long as the ids are high
    ann = Actor("ann", "operate", "why", "req")

    async def audit(work: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.to_thread(work, engine, *args)

    audited: Any = SimpleNamespace(audit=audit)
    sealer = Sealer(audited, every_s=1)
    with transaction(engine) as connection:
        record(connection, ann, AuditAction.REVEAL)
        for _ in range(_ROWS):
            record_alone(engine, ann, AuditAction.REVEAL, numbers=[])
        await sealer.seal()
    verdict = seals.verify(engine)
    assert (verdict.rows, verdict.unsealed) == (_ROWS, 1)
    for _ in range(_ROWS):
        await sealer.seal()
    verdict = seals.verify(engine)
    assert (verdict.rows, verdict.unsealed, verdict.problems) == (_ROWS + 1, 0, ())
