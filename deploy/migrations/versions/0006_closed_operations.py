"""Ended operations are counted once, and their rows have a horizon.

Every row that is there begins uncounted: dlq_admin counts them in small steps, so that no transaction here is large.
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE operation_totals (
            id TINYINT NOT NULL PRIMARY KEY,
            applied BIGINT NOT NULL DEFAULT 0,
            rejected BIGINT NOT NULL DEFAULT 0,
            direct BIGINT NOT NULL DEFAULT 0,
            closed_to BIGINT NOT NULL DEFAULT 0,
            purged BIGINT NOT NULL DEFAULT 0,
            purged_to BIGINT NOT NULL DEFAULT 0,
            releases_purged BIGINT NOT NULL DEFAULT 0
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC
    """)
    op.execute("ALTER TABLE operations ADD COLUMN closed TINYINT NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE operations ADD KEY operations_closed (closed)")
    op.execute("ALTER TABLE email_releases ADD KEY email_releases_version (version)")
    op.execute("ALTER TABLE dead_letters ADD KEY dead_letters_version (state, version)")
    # A writer of the build before must not take rows away any more: its statement fails here, and with it its deletion.
    op.execute("RENAME TABLE operations_reaped TO operations_reaped_before")
    op.execute("""
        INSERT INTO operation_totals (id, applied, rejected, purged)
        SELECT 1, COALESCE(SUM(IF(effect = 'rejected', 0, operations)), 0),
               COALESCE(SUM(IF(effect = 'rejected', operations, 0)), 0), COALESCE(SUM(operations), 0)
        FROM operations_reaped_before
    """)
    op.execute("DROP TABLE operations_reaped_before")


def downgrade() -> None:
    op.execute("""
        CREATE TABLE operations_reaped (
            effect VARCHAR(20) NOT NULL PRIMARY KEY,
            operations BIGINT NOT NULL
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC
    """)
    op.execute("""
        INSERT INTO operations_reaped (effect, operations)
        SELECT 'applied', applied - (SELECT COUNT(*) FROM operations WHERE closed = 1 AND effect != 'rejected')
        FROM operation_totals
        UNION ALL
        SELECT 'rejected', rejected - (SELECT COUNT(*) FROM operations WHERE closed = 1 AND effect = 'rejected')
        FROM operation_totals
    """)
    op.execute("ALTER TABLE dead_letters DROP KEY dead_letters_version")
    op.execute("ALTER TABLE email_releases DROP KEY email_releases_version")
    op.execute("ALTER TABLE operations DROP KEY operations_closed, DROP COLUMN closed")
    op.execute("DROP TABLE operation_totals")
