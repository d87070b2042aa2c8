"""Merge: what one write does to one user, whatever order writes arrive in.

Each field of a user keeps the version of the write that set it, and an older write never overwrites a newer
field; a delete leaves a tombstone. So applying the same writes in any order, any number of times, ends in the
state that the order of acceptance gives. An update that arrives before its create leaves a shadow: a row
that no read shows until the create has come.

Pure: rows in, rows and outcomes out. `docs/adr/0003-order-free-convergence.md` gives the reasons.
"""

from dataclasses import dataclass
from typing import NamedTuple

from holdfast.shared.errors import EmailTaken, PreconditionFailed, UserExists, UserNotFound
from holdfast.shared.writes.commands import CreateUser, DeleteUser, Write, changes, email_key
from holdfast.shared.writes.outcome import Applied, Final, Rejected, Superseded


class User(NamedTuple):
    """One row of `users`. A version of 0 means: never."""

    id: str
    name: str = ""
    name_version: int = 0
    email: str = ""
    email_key: str | None = None
    email_version: int = 0
    created_version: int = 0
    deleted_version: int = 0

    @property
    def version(self) -> int:
        """Of the newest write that took part in this state."""
        return max(self.name_version, self.email_version, self.created_version, self.deleted_version)

    @property
    def visible(self) -> bool:
        """Created and not deleted."""
        return self.created_version > 0 and self.deleted_version == 0


@dataclass(frozen=True, slots=True)
class EmailClaim:
    """What the store knows of one e-mail address besides the writer's own user."""

    #: The user who has it now, and since which version; None: nobody else.
    owner_id: str | None = None
    owner_since: int = 0
    #: The newest version at which somebody else let go of it.
    released: int = 0


_UNCLAIMED = EmailClaim()


def merge(
    row: User | None, write: Write, claim: EmailClaim = _UNCLAIMED, *, overtaking: bool = False
) -> tuple[User | None, Final]:
    """The user after `write`, and how the write ended.

    `row` None: nothing is known of this user yet. `overtaking`: an earlier write of this user is still on its
    way, so that a user who is missing now may yet come. A heartbeat is no change of a user, and never gets here.
    """
    before = row or User(id=write.user_id)
    refusal = _misplaced(before, write, overtaking=overtaking) or _taken(before, write, claim)
    if refusal and isinstance(write.command, CreateUser) and row and not row.created_version:
        return _deleted(row, write), refusal  # the shadow waited for a create that will never be
    if refusal:
        return row, refusal

    after = _deleted(before, write) if isinstance(write.command, DeleteUser) else _changed(before, write)
    unseen = before.deleted_version > 0 and not isinstance(write.command, DeleteUser)
    return after, Superseded(after.version) if unseen or after == before else Applied(after.version)


def _misplaced(row: User, write: Write, *, overtaking: bool) -> Rejected | None:
    """The user is not there, or not as it was expected, at this write's place in the order."""
    if isinstance(write.command, CreateUser):
        if row.created_version not in (0, write.version):
            return Rejected(UserExists.code, {})
    elif 0 < row.deleted_version < write.version or not (row.version or overtaking):
        return Rejected(UserNotFound.code, {})
    return _unwanted(row, write)


def _unwanted(row: User, write: Write) -> Rejected | None:
    """The user's version is not one that the caller asked for. If-Match is first, as RFC 9110 (13.2.2) has it."""
    if write.if_match and row.version not in write.if_match:
        return Rejected(PreconditionFailed.code, {"expected": list(write.if_match), "found": row.version})
    if write.if_none_match == "*":
        # Of a change: whoever is missing here has an earlier write on its way, which the caller wants to be first.
        met = isinstance(write.command, CreateUser) and row.version == 0
        return None if met else Rejected(PreconditionFailed.code, {"unexpected": "*", "found": row.version})
    if row.version in write.if_none_match:
        return Rejected(PreconditionFailed.code, {"unexpected": list(write.if_none_match), "found": row.version})
    return None


def _taken(row: User, write: Write, claim: EmailClaim) -> Rejected | None:
    """Somebody else had the address at this write's place in the order, or has it now and we would need it."""
    _, email = changes(write.command)
    if email is None or email_key(email) == row.email_key:
        return None
    would_hold_it = write.version > row.email_version and row.deleted_version == 0
    owned = claim.owner_id is not None and (would_hold_it or claim.owner_since < write.version)
    if owned or claim.released > write.version:
        return Rejected(EmailTaken.code, {})
    return None


def _changed(row: User, write: Write) -> User:
    created = write.version if isinstance(write.command, CreateUser) else row.created_version
    if row.deleted_version:
        return row._replace(created_version=created)
    name, email = changes(write.command)
    newer_name = name is not None and write.version > row.name_version
    newer_email = email is not None and write.version > row.email_version
    return User(
        row.id,
        name if newer_name else row.name,  # type: ignore[arg-type]  # newer, so not None
        write.version if newer_name else row.name_version,
        email if newer_email else row.email,  # type: ignore[arg-type]  # as above
        email_key(email) if newer_email else row.email_key,  # type: ignore[arg-type]  # as above
        write.version if newer_email else row.email_version,
        created,
        row.deleted_version,
    )


def _deleted(row: User, write: Write) -> User:
    """A tombstone: versions stay, personal data goes. Of two deletes the earlier one is the delete."""
    first = min(row.deleted_version or write.version, write.version)
    return row._replace(name="", email="", email_key=None, deleted_version=first)
