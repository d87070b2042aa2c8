"""Seals: a chain of hashes over the audit, which shows whether a row was changed, removed or inserted.

A seal holds a hash over one audit row and the seal before it. Rows are sealed after their commit, in the order in which
they became visible, so that no action waits for another. No service has the right to change or delete rows or seals.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from holdfast.shared.faults import Clash
from holdfast.shared.letters.index.statements import insert
from holdfast.shared.letters.index.tables import audit, seals
from holdfast.shared.store.engine import Engine, reading, transaction

_PAGE = 500
#: No row has a greater id.
ID_MAX = 2**63 - 1
_FIRST = "0" * 64
_INSERT = insert("audit_seals", ("seq", "audit_id", "hash"))


@dataclass(frozen=True, slots=True)
class Seal:
    """A link of the chain. `hash`: SHA-256 in hex."""

    seq: int
    audit_id: int
    hash: str


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """The result of a walk along the chain. `last`: the newest seal, to compare with a copy that is kept elsewhere."""

    rows: int
    unsealed: int
    last: Seal | None
    problems: tuple[str, ...]


def newest_sealed(engine: Engine) -> int:
    """Return the greatest id of a sealed row, or 0 if there is none. Raises a Fault."""
    with reading(engine) as connection:
        return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(seals.c.audit_id), 0))).scalar_one())


def seal(engine: Engine, after: int, up_to: int = ID_MAX) -> Seal | None:
    """Seal a page of the unsealed rows with an id above `after` and up to `up_to`. Return the newest seal made, or None
    if there was nothing to do or another replica did it. Raises a Fault."""
    try:
        with transaction(engine) as connection:
            last = _last(connection)
            sealed = sa.select(seals.c.seq).where(seals.c.audit_id == audit.c.id)
            query = sa.select(audit).where(audit.c.id > after, audit.c.id <= up_to, ~sa.exists(sealed))
            made = []
            for row in connection.execute(query.order_by(audit.c.id).limit(_PAGE)).all():
                last = _next(last, row)
                made.append(last)
            if made:
                connection.exec_driver_sql(_INSERT, [(one.seq, one.audit_id, one.hash) for one in made])
            return made[-1] if made else None
    except Clash:
        return None


def verify(engine: Engine) -> ChainCheck:
    """Walk along the whole chain. Return the result with at most a hundred problems. Raises a Fault."""
    with transaction(engine.execution_options(isolation_level="REPEATABLE READ")) as connection:
        before: Seal | None = None
        problems: list[str] = []
        rows = 0
        for seq, audit_id, kept, row in _links(connection):
            rows += 1
            link = Seal(seq, audit_id, kept)
            if seq != (before.seq if before else 0) + 1:
                problems.append(f"seal {seq}: the seals before it are missing")
            if row is None:
                problems.append(f"audit entry {audit_id}: it was sealed and is gone")
            elif _next(before, row).hash != kept:
                problems.append(f"audit entry {audit_id}: it, or the chain before it, is not as it was sealed")
            before = link
        total = connection.execute(sa.select(sa.func.count()).select_from(audit)).scalar_one()
        sealed = connection.execute(
            sa.select(sa.func.count()).select_from(seals.join(audit, audit.c.id == seals.c.audit_id))
        ).scalar_one()
    return ChainCheck(rows, total - sealed, before, tuple(problems[:100]))


def _links(connection: sa.Connection) -> Iterator[tuple[int, int, str, Any]]:
    """Yield every seal with its row, or None if the row is gone. They are read in pages."""
    after = 0
    while found := connection.execute(
        sa.select(seals).where(seals.c.seq > after).order_by(seals.c.seq).limit(_PAGE)
    ).all():
        after = found[-1].seq
        ids = [link.audit_id for link in found]
        rows = {row.id: row for row in connection.execute(sa.select(audit).where(audit.c.id.in_(ids)))}
        for link in found:
            yield link.seq, link.audit_id, link.hash, rows.get(link.audit_id)


def _last(connection: sa.Connection) -> Seal | None:
    row = connection.execute(sa.select(seals).order_by(seals.c.seq.desc()).limit(1)).one_or_none()
    return Seal(*row) if row else None


def _next(before: Seal | None, row: sa.Row[Any]) -> Seal:
    content = orjson.dumps([value.isoformat() if name == "at" else value for name, value in row._mapping.items()])
    chained = (before.hash if before else _FIRST).encode() + content
    return Seal((before.seq if before else 0) + 1, row.id, hashlib.sha256(chained).hexdigest())
