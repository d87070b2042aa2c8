"""Tables, as SQLAlchemy Core sees them. `deploy/migrations` makes them."""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

metadata = sa.MetaData()

_ID = sa.String(36, collation="ascii_bin").with_variant(
    mysql.CHAR(36, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
)
_TEXT_COLLATION = "utf8mb4_bin"

#: One row a user, tombstones and shadows included; see `shared/writes/merge.py`. Every version is in microseconds
#: since the epoch; 0 means never.
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("name", sa.String(200, collation=_TEXT_COLLATION), nullable=False),
    sa.Column("name_version", sa.BigInteger, nullable=False),
    sa.Column("email", sa.String(254, collation=_TEXT_COLLATION), nullable=False),
    #: Case-folded e-mail, which may be longer than the e-mail; NULL frees it.
    sa.Column("email_key", sa.String(512, collation=_TEXT_COLLATION), unique=True),
    sa.Column("email_version", sa.BigInteger, nullable=False),
    sa.Column("created_version", sa.BigInteger, nullable=False, index=True),
    sa.Column("deleted_version", sa.BigInteger, nullable=False),
)

#: One row an operation that is over, written in the transaction that changed the user: the proof that it was
#: applied once. An operation that is not here has not taken effect.
operations = sa.Table(
    "operations",
    metadata,
    sa.Column("operation_id", _ID, primary_key=True),
    sa.Column("user_id", _ID, nullable=False),
    sa.Column("command", sa.String(20), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, index=True),
    #: applied | superseded | rejected
    sa.Column("effect", sa.String(20), nullable=False),
    #: The user's version after it; 0 if rejected.
    sa.Column("user_version", sa.BigInteger, nullable=False),
    #: The rejection: {"code": ..., "detail": {...}}.
    sa.Column("rejection", sa.Text),
    #: SHA-256 of the request, kept where the caller sent an Idempotency-Key.
    sa.Column("body_hash", sa.String(64)),
    #: The stream entry that ended it; NULL: applied by the api while the queue was away.
    sa.Column("entry_id", sa.String(40)),
    sa.Column("ended_at", mysql.DATETIME(fsp=6), nullable=False),
    #: 1: `operation_totals` counts it.
    sa.Column("closed", sa.SmallInteger, nullable=False, server_default="0", index=True),
)

#: One row: what the ledger knows of the operations whose rows are closed, or gone since. Changed only in the
#: transaction that closes or removes rows; written by dlq_admin alone.
operation_totals = sa.Table(
    "operation_totals",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True),
    sa.Column("applied", sa.BigInteger, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    #: Of both: those that never were on the stream.
    sa.Column("direct", sa.BigInteger, nullable=False),
    #: The newest version closed.
    sa.Column("closed_to", sa.BigInteger, nullable=False),
    #: Rows removed.
    sa.Column("purged", sa.BigInteger, nullable=False),
    #: The horizon: whatever is not newer may have been removed, and is not applied any more.
    sa.Column("purged_to", sa.BigInteger, nullable=False),
    #: Rows of `email_releases` removed.
    sa.Column("releases_purged", sa.BigInteger, nullable=False),
)

#: Idempotency-Keys of writes that were applied while the queue was away, until it knows of them.
direct_keys = sa.Table(
    "direct_keys",
    metadata,
    sa.Column("key_hash", sa.String(64, collation="ascii_bin"), primary_key=True),
    sa.Column("body_hash", sa.String(64, collation="ascii_bin"), nullable=False),
    sa.Column("operation_id", _ID, primary_key=True),
    sa.Column("user_id", _ID, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
)

#: Users whose row became a tombstone, by the database's own clock: whoever keeps copies of users follows it.
deleted_users = sa.Table(
    "deleted_users",
    metadata,
    sa.Column("user_id", _ID, primary_key=True),
    sa.Column("deleted_at", mysql.DATETIME(fsp=6), nullable=False, index=True),
)

#: When a user last let go of an address, so that somebody's older claim that arrives late loses as it would have in
#: order. By user: nobody's own change of address counts against their own older writes.
email_releases = sa.Table(
    "email_releases",
    metadata,
    sa.Column("email_key", sa.String(512, collation=_TEXT_COLLATION), primary_key=True),
    sa.Column("user_id", _ID, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, index=True),
)
