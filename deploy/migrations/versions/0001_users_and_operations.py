"""Users, the operations that changed them, and the addresses that were let go of."""

from alembic import op

revision = "0001"
down_revision = None

_TABLE = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC"
_ID = "CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL"


def upgrade() -> None:
    op.execute(f"""
        CREATE TABLE users (
            id {_ID} PRIMARY KEY,
            name VARCHAR(200) NOT NULL,
            name_version BIGINT NOT NULL,
            email VARCHAR(254) NOT NULL,
            email_key VARCHAR(512) NULL,
            email_version BIGINT NOT NULL,
            created_version BIGINT NOT NULL,
            deleted_version BIGINT NOT NULL,
            UNIQUE KEY users_email_key (email_key),
            KEY users_created_version (created_version)
        ) {_TABLE}
    """)
    op.execute(f"""
        CREATE TABLE operations (
            operation_id {_ID} PRIMARY KEY,
            user_id {_ID},
            command VARCHAR(20) NOT NULL,
            version BIGINT NOT NULL,
            effect VARCHAR(20) NOT NULL,
            user_version BIGINT NOT NULL,
            rejection TEXT NULL,
            body_hash VARCHAR(64) NULL,
            entry_id VARCHAR(40) NULL,
            ended_at DATETIME(6) NOT NULL,
            KEY operations_version (version)
        ) {_TABLE}
    """)
    op.execute(f"""
        CREATE TABLE email_releases (
            email_key VARCHAR(512) NOT NULL,
            user_id {_ID},
            version BIGINT NOT NULL,
            PRIMARY KEY (email_key, user_id)
        ) {_TABLE}
    """)


def downgrade() -> None:
    for table in ("email_releases", "operations", "users"):
        op.execute(f"DROP TABLE {table}")
