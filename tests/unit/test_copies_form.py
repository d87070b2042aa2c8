"""A copy as it is written down: read again as it was, and anything else under its name is no copy."""

import itertools
import json
import time

import orjson
from hypothesis import given
from hypothesis import strategies as st

from holdfast.shared.cache import form
from holdfast.shared.cache.form import Copy, PageCopy, UserCopy, decoded, encoded, later
from holdfast.shared.writes.commands import CreateUser, DeleteUser, UpdateUser, Write
from holdfast.shared.writes.merge import User, merge

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_VERSIONS = st.integers(0, 2**53 - 1)
_USERS = st.builds(
    User, id=st.uuids().map(str), name=_TEXT, name_version=_VERSIONS, email=_TEXT, email_key=st.none() | _TEXT,
    email_version=_VERSIONS, created_version=_VERSIONS, deleted_version=_VERSIONS,
)  # fmt: skip
_MOMENTS = st.floats(0, time.time())
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | _TEXT,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_USERS, st.lists(_USERS, max_size=5), _VERSIONS, _MOMENTS)
def test_a_copy_is_read_as_it_was_written(user: User, users: list[User], read_us: int, as_of: float) -> None:
    """Users with any text, and pages; but not under another's name."""
    copy, page = UserCopy(user, as_of), PageCopy.of(users, read_us, as_of)
    assert decoded(form.USER + user.id, encoded(copy)) == copy
    assert decoded(form.page(0, 5), encoded(page)) == page
    assert decoded(form.USER + "somebody else", encoded(copy)) is None
    assert decoded(form.page(0, 5), encoded(copy)) is None
    assert user.email not in form.address(user.email) or len(user.email) < 3


@given(st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode("utf-8", "replace")), _USERS)
def test_anything_else_is_no_copy(value: bytes, user: User) -> None:
    """Bytes, JSON, JSON of the right outline: never an exception."""
    for name in (form.USER + user.id, form.page(0, 5), form.address("a@example.com")):
        assert decoded(name, value) is None


@given(_USERS, _JSON, st.data())
def test_a_copy_of_another_build_is_no_copy(user: User, other: object, data: st.DataObject) -> None:
    """More fields, fewer, or other things in them; a form that is not ours; the list of the build before."""
    whole = orjson.loads(encoded(UserCopy(user, 1.0)))
    name = form.USER + user.id
    at = data.draw(st.integers(0, len(User._fields) - 1))
    fields = whole[3]
    for changed in (
        [*whole[:3], [*fields, other]],
        [*whole[:3], fields[:at] + fields[at + 1 :]],
        [whole[0] + "x", *whole[1:]],
        [*whole, other],
        whole[:3],
        [*whole[:3], [*fields[:at], [other], *fields[at + 1 :]]],
        [user.version, 1.0, [fields]],
    ):
        assert decoded(name, json.dumps(changed)) is None


def test_a_copy_from_the_future_is_as_old_as_now() -> None:
    """Another clock's idea of the time makes no copy younger than new."""
    copy = decoded("user:u", encoded(UserCopy(User("u"), time.time() + 3600)))
    assert copy is not None
    assert copy.as_of <= time.time()


@given(st.permutations(range(6)))
def test_every_change_of_a_user_comes_later(arrival: list[int]) -> None:
    """Writes of one user, applied in any order: of any two states the one that was there later wins, also when an older
    write arrives after a newer one; and nothing comes after a delete."""
    writes = [
        Write("1", "u", CreateUser(name="A", email="a@example.com"), 1),
        Write("2", "u", UpdateUser(name="B"), 2),
        Write("3", "u", UpdateUser(email="b@example.com"), 3),
        Write("4", "u", UpdateUser(name="C"), 4),
        Write("5", "u", DeleteUser(), 9 if arrival[0] % 2 else 5),
        Write("6", "u", DeleteUser(), 6),
    ]
    states: list[Copy] = []
    row: User | None = None
    for index in arrival:
        row, _ = merge(row, writes[index], overtaking=True)
        if row is not None:
            states.append(UserCopy(row, float(-len(states))))  # clocks say the opposite
    for earlier, after in itertools.pairwise(states):
        if earlier.order != after.order:
            assert later(earlier, after) is after
            assert later(after, earlier) is after


@given(st.lists(st.tuples(_VERSIONS, _MOMENTS), min_size=1, max_size=6))
def test_of_pages_the_one_read_last_wins(reads: list[tuple[int, float]]) -> None:
    """By the database's clock; whoever is or is not on it."""
    kept: Copy | None = None
    for number, (read_us, as_of) in enumerate(reads):
        users = [User(str(n), created_version=n + 1) for n in range(len(reads) - number)]
        kept = later(kept, PageCopy.of(users, read_us, as_of))
    assert kept is not None
    assert kept.order == (max(read_us for read_us, _ in reads),)
