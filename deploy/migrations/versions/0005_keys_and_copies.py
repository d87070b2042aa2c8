"""Idempotency-Keys of direct writes, for the queue to learn; and deleted users, whose copies are to be removed."""

from alembic import op

revision = "0005"
down_revision = "0004"

_TABLE = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC"
_ASCII = "CHARACTER SET ascii COLLATE ascii_bin"


def upgrade() -> None:
    op.execute(f"""
        CREATE TABLE direct_keys (
            key_hash CHAR(64) {_ASCII} NOT NULL,
            body_hash CHAR(64) {_ASCII} NOT NULL,
            operation_id CHAR(36) {_ASCII} NOT NULL,
            user_id CHAR(36) {_ASCII} NOT NULL,
            version BIGINT NOT NULL,
            PRIMARY KEY (key_hash, operation_id)
        ) {_TABLE}
    """)
    op.execute(f"""
        CREATE TABLE deleted_users (
            user_id CHAR(36) {_ASCII} NOT NULL PRIMARY KEY,
            deleted_at DATETIME(6) NOT NULL,
            KEY deleted_users_at (deleted_at)
        ) {_TABLE}
    """)


def downgrade() -> None:
    op.execute("DROP TABLE deleted_users")
    op.execute("DROP TABLE direct_keys")
