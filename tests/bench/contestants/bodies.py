"""Bodies: requests and responses of every contestant, with the same validation."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel

from holdfast.shared.domain.users import User

_NAME, _EMAIL = (field.type for field in User.type.fields)


class UserBody(BaseModel):
    """All values of a user."""

    name: Annotated[str, AfterValidator(_NAME.clean)]
    email: Annotated[str, AfterValidator(_EMAIL.clean)]


class UserShown(BaseModel):
    """A user as our api shows it in the answer to a read."""

    id: str
    name: str
    email: str
    created_at: str
    updated_at: str
    version: int
