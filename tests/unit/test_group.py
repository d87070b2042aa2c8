"""Which server of a group creates it, and which servers join: only unambiguous cases act."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.compose import group
from deploy.compose.group import NAME, Server, steps, transactions_of
from deploy.compose.nodes import GROUP

_STATES = st.sampled_from([None, "OFFLINE", "ERROR", "RECOVERING", "ONLINE"])
_SERVERS = st.tuples(*(st.builds(Server, st.just(host), _STATES, st.integers(0, 99)) for host in GROUP))


@given(_SERVERS)
def test_a_group_begins_only_where_every_server_answers_and_none_is_in_one(servers: tuple[Server, ...]) -> None:
    """A group is created only if every server answers and none is in a group: by one server with the most transactions,
    so that the others join it."""
    done = steps(servers)
    begun = [step for step in done if step.what == "begin"]
    states = {server.state for server in servers}
    certain = None not in states and not {"ONLINE", "RECOVERING"} & states
    assert len(begun) == certain
    if begun:
        assert done == begun
        most = max(server.transactions for server in servers)
        assert most == next(server.transactions for server in servers if server.host == begun[0].host)


@given(_SERVERS)
def test_whoever_answers_and_is_out_of_a_group_that_is_there_joins_it(servers: tuple[Server, ...]) -> None:
    """The servers that join an existing group are exactly those that answer and are outside of it."""
    joining = {step.host for step in steps(servers) if step.what == "join"}
    present = any(server.state in ("ONLINE", "RECOVERING") for server in servers)
    out = {server.host for server in servers if server.state in ("OFFLINE", "ERROR")}
    assert joining == (out if present else set())


@pytest.mark.parametrize(
    ("executed", "count"),
    [
        ("", 0),
        (f"{NAME}:1-5", 5),
        (f"{NAME}:7", 1),
        (f"other:1-100,\n{NAME}:1-5:8-9", 7),
        ("other:1-100", 0),
    ],
)
def test_only_the_groups_own_transactions_count(executed: str, count: int) -> None:
    """Only the group's own transactions count; those that a server executed before it was in the group do not."""
    assert transactions_of(executed, NAME) == count


@pytest.mark.parametrize(("online", "code"), [(3, 0), (2, 0), (1, 1), (0, 1)])
def test_a_group_that_lacks_one_server_is_healthy(monkeypatch: pytest.MonkeyPatch, online: int, code: int) -> None:
    """Migrations and services, which wait for a healthy group, start while one of three servers is away."""
    up = list(GROUP)[:online]
    monkeypatch.setattr(group, "_look", lambda host: Server(host, "ONLINE" if host in up else None))
    assert group.main(["--check"]) == code
