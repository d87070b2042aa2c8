"""The audit becomes a chain of hashes. Rows that are there are sealed as they are, by dlq_admin."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE audit_seals (
            seq BIGINT NOT NULL PRIMARY KEY,
            audit_id BIGINT NOT NULL,
            hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
            UNIQUE KEY audit_seals_once (audit_id)
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC
    """)


def downgrade() -> None:
    op.execute("DROP TABLE audit_seals")
