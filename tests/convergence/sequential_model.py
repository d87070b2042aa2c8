"""The sequential model: what a history means when its writes are applied one by one, in the order of acceptance.

Written from the promises alone: dicts, no versions of fields, nothing of `shared/`.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Accepted:
    """An accepted write. `name` and `email` are None where the command leaves the field alone."""

    operation_id: str
    user_id: str
    command: str
    version: int
    name: str | None = None
    email: str | None = None
    if_match: int | None = None


@dataclass
class ModelUser:
    """A user who was created at some time."""

    name: str
    email: str
    version: int
    deleted: bool = False


@dataclass
class SequentialModel:
    """Feed it accepted writes in order."""

    users: dict[str, ModelUser] = field(default_factory=dict)
    #: Operation id -> "applied", or the code of the rejection.
    status: dict[str, str] = field(default_factory=dict)

    def take(self, write: Accepted) -> None:
        """One more write."""
        self.status[write.operation_id] = refusal = self._refusal(write) or "applied"
        if refusal != "applied":
            return
        if write.command == "CreateUser":
            assert write.name is not None
            assert write.email is not None
            self.users[write.user_id] = ModelUser(write.name, write.email, write.version)
            return
        user = self.users[write.user_id]
        user.version = write.version
        if write.command == "DeleteUser":
            user.deleted = True
            return
        user.name = write.name if write.name is not None else user.name
        user.email = write.email if write.email is not None else user.email

    def version_of(self, user_id: str) -> int:
        """What a reader would put into If-Match."""
        return self.users[user_id].version if user_id in self.users else 1

    def visible(self) -> dict[str, tuple[str, str, int]]:
        """User id -> (name, email, version), of those who can be read."""
        return {id: (user.name, user.email, user.version) for id, user in self.users.items() if not user.deleted}

    def _refusal(self, write: Accepted) -> str | None:
        user = self.users.get(write.user_id)
        if write.command == "CreateUser":
            if user:
                return "USER_EXISTS"
        elif user is None or user.deleted:
            return "USER_NOT_FOUND"
        if write.if_match is not None and (user is None or user.version != write.if_match):
            return "PRECONDITION_FAILED"
        return "EMAIL_TAKEN" if self._is_taken(write) else None

    def _is_taken(self, write: Accepted) -> bool:
        if write.email is None:
            return False
        wanted = write.email.lower()
        return any(
            id != write.user_id and not user.deleted and user.email.lower() == wanted for id, user in self.users.items()
        )
