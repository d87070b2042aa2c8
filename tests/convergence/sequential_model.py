"""The sequential model: the meaning of a history when its writes are applied one by one, in the order of acceptance.

Written from the promises alone, with dicts, without versions of fields, and without any code of `shared/`.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Accepted:
    """An accepted write. A value is None if the command does not set the field. The exception is `second`: a create or
    a replace without it removes the value."""

    operation_id: str
    user_id: str
    command: str
    version: int
    name: str | None = None
    email: str | None = None
    if_match: int | None = None
    #: The second unique value, if the resource has one.
    second: str | None = None


@dataclass
class ModelUser:
    """A user that was created at some time, and may be deleted since."""

    name: str
    email: str
    version: int
    second: str | None = None
    deleted: bool = False


@dataclass
class SequentialModel:
    """Takes accepted writes in order, and holds the resulting users and statuses."""

    users: dict[str, ModelUser] = field(default_factory=dict)
    #: Operation id -> "applied", or the code of the rejection.
    status: dict[str, str] = field(default_factory=dict)

    def take(self, write: Accepted) -> None:
        """Apply one more write."""
        self.status[write.operation_id] = refusal = self._refusal(write) or "applied"
        if refusal != "applied":
            return
        if write.command == "CreateUser":
            assert write.name is not None
            assert write.email is not None
            self.users[write.user_id] = ModelUser(write.name, write.email, write.version, write.second)
            return
        user = self.users[write.user_id]
        user.version = write.version
        if write.command == "DeleteUser":
            user.deleted = True
            return
        user.name = write.name if write.name is not None else user.name
        user.email = write.email if write.email is not None else user.email
        if write.second is not None or write.command == "ReplaceUser":
            user.second = write.second

    def version_of(self, user_id: str) -> int:
        """Return the version that a reader would put into If-Match."""
        return self.users[user_id].version if user_id in self.users else 1

    def visible(self) -> dict[str, tuple[str, str, int, str | None]]:
        """Return user id -> (name, email, version, second value) of the users that can be read."""
        return {
            id: (user.name, user.email, user.version, user.second)
            for id, user in self.users.items()
            if not user.deleted
        }

    def _refusal(self, write: Accepted) -> str | None:
        user = self.users.get(write.user_id)
        if write.command == "CreateUser":
            if user:
                return "USER_EXISTS"
        elif user is None or user.deleted:
            return "USER_NOT_FOUND"
        if write.if_match is not None and (user is None or user.version != write.if_match):
            return "PRECONDITION_FAILED"
        others = [user for id, user in self.users.items() if id != write.user_id and not user.deleted]
        if write.email is not None and any(user.email.lower() == write.email.lower() for user in others):
            return "EMAIL_TAKEN"
        return "SECOND_TAKEN" if write.second and any(user.second == write.second for user in others) else None
