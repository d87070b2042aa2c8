"""Bodies: what is sent to any contestant, by the same rules."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel

from holdfast.shared.domain.users import User

_NAME, _EMAIL = (field.type for field in User.type.fields)


class UserBody(BaseModel):
    """All of a user."""

    name: Annotated[str, AfterValidator(_NAME.clean)]
    email: Annotated[str, AfterValidator(_EMAIL.clean)]


class UserShown(BaseModel):
    """A user as ours are shown: what an answer to a read holds."""

    id: str
    name: str
    email: str
    created_at: str
    updated_at: str
    version: int
