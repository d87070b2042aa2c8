"""The stored form of a copy: it is read back unchanged, and anything else under its name is no copy."""

import hashlib
import itertools
import json
import time

import orjson
from hypothesis import given
from hypothesis import strategies as st

from holdfast.shared.cache import form
from holdfast.shared.cache.form import Copy, EntityCopy, PageCopy, decoded, encoded, entity_name, later
from holdfast.shared.writes.commands import Write
from holdfast.shared.writes.merge import Entity, merge
from tests.users import USERS, create_user, delete_user, update_user, user_row

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_VERSIONS = st.integers(0, 2**53 - 1)
_USERS = st.builds(
    user_row, id=st.uuids().map(str), name=_TEXT, name_version=_VERSIONS, email=_TEXT, email_key=st.none() | _TEXT,
    email_version=_VERSIONS, created_version=_VERSIONS, deleted_version=_VERSIONS,
)  # fmt: skip
_PAGE = form.page_name(USERS, 0, 5)
_MOMENTS = st.floats(0, time.time())
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | _TEXT,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_USERS, st.lists(_USERS, max_size=5), _VERSIONS, _MOMENTS)
def test_a_copy_is_read_as_it_was_written(user: Entity, users: list[Entity], read_us: int, as_of: float) -> None:
    """Copies of users with any text, and of pages, are read back unchanged, but not under the name of another, and the
    name of an address does not reveal it."""
    copy, page = EntityCopy(user, as_of), PageCopy.of(users, read_us, as_of)
    assert decoded(entity_name(user.ref), encoded(copy)) == copy
    assert decoded(_PAGE, encoded(page)) == page
    assert decoded("user:somebody else", encoded(copy)) is None
    assert decoded(_PAGE, encoded(copy)) is None
    email = user.shown()["email"]
    name = form.unique_name("emails", email, b"secret")
    assert email not in name or len(email) < 3
    assert name == form.unique_name("emails", email, b"secret") != form.unique_name("emails", email, b"another")
    assert hashlib.sha256(email.encode()).hexdigest() not in name, "nobody finds out by trying"


@given(st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode("utf-8", "replace")), _USERS)
def test_anything_else_is_no_copy(value: bytes, user: Entity) -> None:
    """Any bytes, any JSON and JSON of the right outline are no copy, and raise no exception."""
    for name in (entity_name(user.ref), _PAGE, form.unique_name("emails", "a@example.com", b"secret")):
        assert decoded(name, value) is None


@given(_USERS, _JSON, st.data())
def test_a_copy_of_another_build_is_no_copy(user: Entity, other: object, data: st.DataObject) -> None:
    """A copy with more or fewer fields, with other values in them, in another form, or in the list form of the build
    before is no copy."""
    whole = orjson.loads(encoded(EntityCopy(user, 1.0)))
    name = entity_name(user.ref)
    at = data.draw(st.integers(0, 7))
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


def test_a_copy_of_the_build_before_resources_is_a_copy() -> None:
    """Copies of users keep the form that they had before resources, so that an upgrade in an outage loses none."""
    row = '["u","Ada",10,"ada@example.com","ada@example.com",11,9,0]'
    copy = decoded("user:u", f'["User:a358ee67",[0,9,10,11],1.5,{row}]')
    assert copy == EntityCopy(user_row("u", "Ada", 10, "ada@example.com", "ada@example.com", 11, 9), 1.5)
    assert encoded(copy).decode() == f'["User:a358ee67",[0,9,10,11],1.5,{row}]'


def test_a_copy_from_the_future_is_as_old_as_now() -> None:
    """A copy that another clock dates in the future is treated as new, and never as younger than that."""
    copy = decoded("user:u", encoded(EntityCopy(user_row("u"), time.time() + 3600)))
    assert copy is not None
    assert copy.as_of <= time.time()


@given(st.permutations(range(6)))
def test_every_change_of_a_user_comes_later(arrival: list[int]) -> None:
    """When the writes of a user are applied in any order, the later of any two states wins, even if an older write
    arrives after a newer one, and nothing comes after a delete."""
    writes = [
        Write("1", "u", create_user("A", "a@example.com"), 1),
        Write("2", "u", update_user(name="B"), 2),
        Write("3", "u", update_user(email="b@example.com"), 3),
        Write("4", "u", update_user(name="C"), 4),
        Write("5", "u", delete_user(), 9 if arrival[0] % 2 else 5),
        Write("6", "u", delete_user(), 6),
    ]
    states: list[Copy] = []
    row: Entity | None = None
    for index in arrival:
        row, _ = merge(row, writes[index], overtaking=True)
        if row is not None:
            states.append(EntityCopy(row, float(-len(states))))  # the clocks give the opposite order
    for earlier, after in itertools.pairwise(states):
        if earlier.order != after.order:
            assert later(earlier, after) is after
            assert later(after, earlier) is after


@given(st.lists(st.tuples(_VERSIONS, _MOMENTS), min_size=1, max_size=6))
def test_of_pages_the_one_read_last_wins(reads: list[tuple[int, float]]) -> None:
    """The page that was read last by the database's clock wins, whichever entities are on it."""
    kept: Copy | None = None
    for number, (read_us, as_of) in enumerate(reads):
        users = [user_row(str(n), created_version=n + 1) for n in range(len(reads) - number)]
        kept = later(kept, PageCopy.of(users, read_us, as_of))
    assert kept is not None
    assert kept.order == (max(read_us for read_us, _ in reads),)
