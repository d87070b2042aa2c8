"""Tables: the SQLAlchemy Core tables of dead letters. `deploy/migrations` creates them and documents their content.

The database compares states and ids by bytes, so columns need no more than their type here.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from holdfast.shared.letters.state import State
from holdfast.shared.store.tables import metadata


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String) for name in names]


def _moments(*names: str) -> list[sa.Column[datetime]]:
    return [sa.Column(name, mysql.DATETIME(fsp=6)) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger) for name in names]


letters = sa.Table(
    "dead_letters",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    *_texts("fingerprint", "state", "entry_id", "operation_id", "resource", "entity_id", "command"),
    *_numbers("version"),
    *_texts("reason", "kind", "code", "error", "frame"),
    *_moments("dead_at"),
    *_texts("writer", "build"),
    *_numbers("attempts", "size_bytes", "imported", "edit", "replay_id"),
    *_texts("outcome", "note"),
    *_moments("indexed_at", "state_at"),
)

bodies = sa.Table(
    "dead_letter_bodies",
    metadata,
    sa.Column("letter_id", sa.BigInteger, primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True),
    sa.Column("body", sa.LargeBinary),
)

groups = sa.Table(
    "dead_letter_groups",
    metadata,
    sa.Column("fingerprint", sa.String, primary_key=True),
    *_texts("reason", "kind", "code", "command", "frame", "error"),
    *_numbers("first_id", "last_id", "entities", *State, "imported", "purged"),
)

builds = sa.Table(
    "dead_letter_builds", metadata, *_texts("fingerprint", "build"), *_numbers("letters", "first_id", "last_id")
)

trend = sa.Table("dead_letter_trend", metadata, *_texts("fingerprint"), *_numbers("bucket", "letters"))

notes = sa.Table("dead_letter_notes", metadata, *_texts("fingerprint", "note", "author"), *_moments("at"))

dues = sa.Table("dead_letter_dues", metadata, *_numbers("letter_id"))

edits = sa.Table(
    "dead_letter_edits",
    metadata,
    *_numbers("letter_id", "number"),
    sa.Column("fields", sa.LargeBinary),
    *_texts("author", "reason"),
    *_moments("at"),
    *_numbers("transform_id", "reverts"),
)

transforms = sa.Table(
    "dead_letter_transforms",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    *_moments("at"),
    *_texts("author", "reason", "selection", "patch"),
    *_numbers("letters"),
    *_texts("counts"),
)

replays = sa.Table(
    "replays",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    *_moments("created_at"),
    *_texts("created_by", "reason", "selection"),
    *_numbers("letters"),
    *_texts("plan", "state"),
    *_moments("state_at"),
    *_texts("state_reason", "counts", "base", "approved_by"),
    *_moments("approved_at", "started_at", "ended_at"),
    *_texts("lease_owner"),
    *_moments("lease_until"),
    *_numbers("lease_token"),
)

items = sa.Table(
    "replay_items",
    metadata,
    *_numbers("replay_id", "position", "letter_id"),
    *_texts("state", "operation_id", "entry_id"),
    *_moments("sent_at", "ended_at"),
    *_texts("outcome"),
)

audit = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    *_moments("at"),
    *_texts("actor", "role", "action", "reason"),
    *_numbers("letters"),
    *_texts("selection", "details", "request_id"),
)

#: The chain of hashes over the audit: see seals.py.
seals = sa.Table("audit_seals", metadata, *_numbers("seq", "audit_id"), *_texts("hash"))

audit_letters = sa.Table("audit_letters", metadata, *_numbers("letter_id", "audit_id"))
