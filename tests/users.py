"""Users, as tests of the engine write them: the declared resource, and short forms of its commands."""

from holdfast.shared.domain.users import User
from holdfast.shared.queue.names import PREFIX
from holdfast.shared.writes.commands import Create, Delete, Ref, Replace, Update
from holdfast.shared.writes.merge import Entity

USERS = User.type


def create_user(name: str, email: str) -> Create:
    """Return the command that creates a user."""
    return Create(USERS, {"name": name, "email": email})


def replace_user(name: str, email: str) -> Replace:
    """Return the command that sets both fields."""
    return Replace(USERS, {"name": name, "email": email})


def update_user(**values: str) -> Update:
    """Return the command that sets some fields."""
    return Update(USERS, values)


def delete_user() -> Delete:
    """Return the command that deletes a user."""
    return Delete(USERS)


def user_ref(id: str) -> Ref:
    """Return the reference to a user."""
    return Ref(USERS.plural, id)


def email_claim(key: str) -> tuple[str, str]:
    """Return the claim on an address."""
    return "emails", key


def user_row(
    id: str,
    name: str = "",
    name_version: int = 0,
    email: str = "",
    email_key: str | None = None,
    email_version: int = 0,
    created_version: int = 0,
    deleted_version: int = 0,
) -> Entity:
    """Return a row of the table of users, with arguments in the order of its columns."""
    return Entity(
        USERS, id, (name, email), (name_version, email_version), (email_key,), created_version, deleted_version
    )


#: The keys of users in Redis: the claims on addresses, and the prefix of the pending copies.
EMAILS = PREFIX + "emails"
PENDING = PREFIX + "user:"
