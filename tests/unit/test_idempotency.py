"""What is derived from an Idempotency-Key: the same in every process that has the secret, and unknown without it."""

import hashlib
import os
import subprocess
import sys
import uuid

from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from holdfast.services.api.idempotency import Idempotency, KeyIds, body_hash
from holdfast.shared.http.keys import ANYBODY, Principal
from holdfast.shared.writes import keyed
from holdfast.shared.writes.commands import Create, Replace
from tests.conftest import ROOT
from tests.users import USERS

_TEXT = st.text(st.characters(min_codepoint=0x23, max_codepoint=0x7E), min_size=1, max_size=40)


def request(caller: Principal | None = ANYBODY, method: str = "PATCH", path: str = "/users/1") -> Request:
    """Return a request as the edge passes it on."""
    return Request({"type": "http", "method": method, "path": path, "headers": [], "principal": caller})


def ids(
    secret: str, key: str, body: str = "b", caller: Principal | None = ANYBODY, path: str = "/users/1"
) -> Idempotency:
    """Return the ids that are derived from `key`."""
    found = KeyIds(secret).of(request(caller, path=path), key.encode(), body)
    assert found is not None
    return found


_SEEDED = """
from holdfast.services.api.bodies import parse_part
from holdfast.services.api.idempotency import body_hash
from tests.users import USERS, update_user
for body in (b'{"name": "Ada", "email": "a@example.com"}', b'{"email": "a@example.com", "name": "Ada"}'):
    values = parse_part(USERS, body)
    print(list(values), body_hash(update_user(**values), ""))
"""


def test_a_body_has_one_hash_in_all_processes() -> None:
    """A body has the same hash in all processes, whatever their hash seed and whatever the order of the fields."""
    seen = set()
    for seed in ("0", "1", "2", "3"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        run = subprocess.run(
            [sys.executable, "-c", _SEEDED], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        seen.update(run.stdout.splitlines())
    assert len(seen) == 1


@given(st.dictionaries(st.text(), st.text()), st.text(), st.randoms())
def test_the_order_of_fields_changes_nothing(payload: dict[str, str], conditions: str, random: "object") -> None:
    """The hash is taken of a canonical form, so the order of the fields does not matter. Another command, condition or
    field gives another hash."""
    shuffled = list(payload.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # st.randoms()
    was = body_hash(Create(USERS, payload), conditions)
    assert body_hash(Create(USERS, dict(shuffled)), conditions) == was
    assert body_hash(Replace(USERS, payload), conditions) != was
    assert body_hash(Create(USERS, payload), conditions + "x") != was
    more = payload | {"new": "field" + conditions}
    assert body_hash(Create(USERS, more), conditions) != was or "new" in payload


@given(_TEXT, _TEXT, _TEXT)
def test_ids_are_the_keys_of_one_caller(secret: str, key: str, other: str) -> None:
    """A key's ids are the same with the same secret. They differ for another caller, path, key or secret, and from a
    hash without a secret."""
    ada, eve = Principal("ada", frozenset()), Principal("eve", frozenset())
    found = ids(secret, key, caller=ada)
    assert found == ids(secret, key, caller=ada)
    assert found == ids(secret, f'"{key}"', caller=ada)
    others = [
        ids(secret, key, caller=eve), ids(secret, key, caller=None), ids(secret, key, caller=ada, path="/users/2"),
        ids(secret + "x", key, caller=ada), ids(secret, key + "x", caller=ada),
    ]  # fmt: skip
    for each in others:
        assert each.operation_id != found.operation_id
        assert each.entity_id != found.entity_id
        assert each.key_hash != found.key_hash
        assert keyed.key_part(each.operation_id) != keyed.key_part(found.operation_id)
    plain = hashlib.sha256("\n".join(("ada", "PATCH", "/users/1", key)).encode()).hexdigest()
    assert plain[:8] != found.operation_id[:8]
    assert other == key or ids(secret, other, caller=ada) != found


@given(_TEXT, _TEXT, st.uuids(), st.randoms())
def test_one_user_spelled_in_many_ways_is_one(secret: str, key: str, user: uuid.UUID, random: "object") -> None:
    """All spellings of a user's id in a path give the ids of the canonical path, which is the form that was always
    hashed. Another path gives other ids."""
    plain = f"/users/{user}"
    spelled = "/users/" + "".join(random.choice((c, c.upper())) for c in str(user))  # type: ignore[attr-defined]  # st.randoms()
    assert ids(secret, key, path=spelled) == ids(secret, key, path=plain)
    assert ids(secret, key, path=plain.upper()) != ids(secret, key, path=plain)


@given(_TEXT, _TEXT, _TEXT)
def test_another_body_is_another_operation_of_the_same_key(secret: str, key: str, body: str) -> None:
    """Two bodies with the same key give two operations that visibly share their key, and an operation without a key has
    no key part."""
    first, second = ids(secret, key, body), ids(secret, key, body + "x")
    assert first.operation_id != second.operation_id
    assert (first.key_hash, first.entity_id) == (second.key_hash, second.entity_id)
    part = keyed.key_part(first.operation_id)
    assert part is not None
    assert part == keyed.key_part(second.operation_id)
    low, high = keyed.bounds(part)
    assert low < first.operation_id < high
    assert uuid.UUID(first.operation_id).version == 8
    assert keyed.key_part(str(uuid.uuid4())) is None
    assert keyed.key_part("heartbeat-1764300000000") is None


def test_a_caller_named_like_nobody_is_somebody() -> None:
    """An API key named `anonymous` has other ids than a caller without an API key."""
    somebody = Principal("anonymous", frozenset())
    assert ids("s", "k", caller=somebody).operation_id != ids("s", "k").operation_id
