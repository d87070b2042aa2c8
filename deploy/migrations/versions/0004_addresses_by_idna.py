"""Addresses are unique by the IDNA form of their domain; before, by its case-folded text, where `ß` was `ss`."""

import unicodedata
from collections.abc import Callable
from functools import lru_cache

import idna
import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ROWS_A_STEP = 1000
#: Whatever else is in an address, its key was and stays its lower case.
_MAY_CHANGE = "({0} REGEXP '[^ -~]' OR {0} LIKE '%@xn--%' OR {0} LIKE '%.xn--%')"
_USERS = f"""
    SELECT id, email, email_key FROM users WHERE id > :after AND email_key IS NOT NULL
    AND {_MAY_CHANGE.format("email")} ORDER BY id LIMIT {_ROWS_A_STEP}
"""  # noqa: S608 - our own names
#: A key that somebody else has stays as it is, which is still nobody else's: two users have the address, and a person
#: decides.
_UPDATE = "UPDATE IGNORE users SET email_key = :key WHERE id = :id"
_RELEASES = f"SELECT email_key, user_id, version FROM email_releases WHERE {_MAY_CHANGE.format('email_key')}"  # noqa: S608
_RELEASE = """
    INSERT INTO email_releases (email_key, user_id, version) VALUES (:key, :user_id, :version)
    ON DUPLICATE KEY UPDATE version = GREATEST(version, VALUES(version))
"""


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return unicodedata.normalize("NFC", domain.lower())


def _new(email: str) -> str:
    local, _, domain = email.rpartition("@")
    return f"{unicodedata.normalize('NFC', unicodedata.normalize('NFC', local).lower())}@{_domain(domain)}"


def _old(email: str) -> str:
    return email.lower() if email.isascii() else unicodedata.normalize("NFC", email.casefold())


def upgrade() -> None:
    connection = op.get_bind()
    _rekey_users(connection, _new)
    # The old key stays beside the new one: it has lost whether an address said `ß` or `ss`.
    for key, user_id, version in connection.execute(sa.text(_RELEASES)).all():
        if (new := _new(key)) != key:
            connection.execute(sa.text(_RELEASE), {"key": new, "user_id": user_id, "version": version})


def downgrade() -> None:
    _rekey_users(op.get_bind(), _old)


def _rekey_users(connection: sa.Connection, key_of: Callable[[str], str]) -> None:
    """Compute the users' keys anew, in steps, in the order of ids."""
    after = ""
    while rows := connection.execute(sa.text(_USERS), {"after": after}).all():
        after = rows[-1].id
        for row in rows:
            key = key_of(row.email)
            if key == row.email_key:
                continue
            if not connection.execute(sa.text(_UPDATE), {"key": key, "id": row.id}).rowcount:
                print(f"user {row.id}: another user has the same address; left as it was")  # noqa: T201
