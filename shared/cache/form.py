"""Form: what a copy is, and how it is written down.

A user is kept once, under the user's own name; a page of users, or who has an address, holds only which users, so that
nothing of a user is left anywhere when one copy is gone. A copy is a JSON array: form, order, as_of, content. Of two
copies of one thing the one that comes later in its order is the newer state, whatever clock says what.
"""

import hashlib
import time
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NamedTuple, Self, get_type_hints

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from holdfast.shared.writes.merge import User

_Version = Annotated[int, Field(ge=0, lt=2**53)]
_Moment = Annotated[float, Field(ge=0, lt=2**40, allow_inf_nan=False)]
_STRICT = ConfigDict(strict=True)


class UserCopy(NamedTuple):
    """A user as the row was at `as_of`, in Unix seconds."""

    user: User
    as_of: float

    @property
    def order(self) -> tuple[int, ...]:
        """Grows with every change of a row, in any order of writes; nothing comes after a delete."""
        user = self.user
        return (int(user.deleted_version > 0), user.created_version, user.name_version, user.email_version)

    @property
    def content(self) -> tuple[Any, ...]:
        """What it says."""
        return self.user


class Listed(NamedTuple):
    """A user on a page: which one, at least at which version, and where in the order of creation."""

    id: str
    version: int
    created_version: int


class PageCopy(NamedTuple):
    """Who was on a page at `as_of`."""

    listed: tuple[Listed, ...]
    #: When the read began, in microseconds by the database's clock.
    read_us: int
    as_of: float

    @classmethod
    def of(cls, users: Iterable[User], read_us: int, as_of: float) -> Self:
        """The page that shows these users."""
        return cls(tuple(Listed(user.id, user.version, user.created_version) for user in users), read_us, as_of)

    @property
    def order(self) -> tuple[int, ...]:
        """A delete cannot turn it back."""
        return (self.read_us,)

    @property
    def content(self) -> tuple[Any, ...]:
        """What it says."""
        return self.listed


Copy = UserCopy | PageCopy


def later(one: Copy | None, other: Copy | None) -> Copy | None:
    """The one that knows more."""
    if one is None or other is None or type(one) is not type(other):
        return one or other
    return max(one, other, key=lambda copy: (copy.order, copy.as_of))


def encoded(copy: Copy) -> bytes:
    """As it is kept."""
    if isinstance(copy, UserCopy):
        return orjson.dumps([_USER_FORM, copy.order, copy.as_of, tuple(copy.user)])
    return orjson.dumps([_PAGE_FORM, copy.order, copy.as_of, [tuple(one) for one in copy.listed]])


def decoded(name: str, value: bytes | str) -> Copy | None:
    """The copy under `name`; None for whatever is not one of this build's."""
    try:
        if name.startswith(USER):
            _, _, as_of, row = _USER.validate_json(value)
            copy: Copy = UserCopy(User(*row), min(as_of, time.time()))
            return copy if name == USER + row[0] else None
        _, (read_us,), as_of, listed = _PAGE.validate_json(value)
        return PageCopy(tuple(Listed(*one) for one in listed), read_us, min(as_of, time.time()))
    except ValidationError:
        return None


#: Names of users' copies: this, and the id.
USER = "user:"


def page(after: int, limit: int) -> str:
    """The name of a page's copy."""
    return f"page:{after}:{limit}"


def address(email_key: str) -> str:
    """The name of the copy of who has an address. Not the address: it would stay when its user is gone."""
    return f"address:{hashlib.sha256(email_key.encode()).hexdigest()}"


def _tuple(*types: Any) -> Any:
    return tuple.__class_getitem__(types)


def _types(of: Any) -> Any:
    """The values of a NamedTuple, each bounded."""
    return _tuple(*(_Version if hint is int else hint for hint in get_type_hints(of).values()))


def _form(of: Any) -> str:
    """Another build's fields are another form."""
    fields = " ".join(f"{name}:{hint}" for name, hint in get_type_hints(of).items())
    return f"{of.__name__}:{hashlib.sha256(fields.encode()).hexdigest()[:8]}"


_USER_FORM, _PAGE_FORM = _form(User), _form(Listed)
_LISTED: Any = list.__class_getitem__(_types(Listed))
_USER: TypeAdapter[Any] = TypeAdapter(
    _tuple(Literal[_USER_FORM], list[_Version], _Moment, _types(User)), config=_STRICT
)
_PAGE: TypeAdapter[Any] = TypeAdapter(_tuple(Literal[_PAGE_FORM], tuple[_Version], _Moment, _LISTED), config=_STRICT)
