"""Several databases in one DSN: each form, what is no list, and which database is used."""

from types import SimpleNamespace

import pymysql
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from holdfast.shared.connections.address import parse_dsn
from holdfast.shared.faults import Outage
from holdfast.shared.store.classify import NotConnected, classify
from holdfast.shared.store.hosts import Hosts

Row = tuple[int | str | None, ...] | None


@pytest.mark.parametrize("form", ["mysql://u:p@{}/db", "u:p@tcp({})/db"])
def test_hosts_keep_their_order_and_ports(form: str) -> None:
    """Hosts keep their order and ports; a missing port is 3306, and an IPv6 address stands in brackets."""
    address = parse_dsn(form.format("one:3307,two,[::1]:3308"))
    assert (address.host, address.port) == ("one", 3307)
    assert address.standbys == (("two", 3306), ("::1", 3308))
    assert (address.user, address.password, address.database) == ("u", "p", "db")


@pytest.mark.parametrize("form", ["mysql://u:secret@{}/db", "u:secret@tcp({})/db"])
@pytest.mark.parametrize("hosts", ["one,", ",one", "one,,two", "one:x,two", "one:0,two", "one,one:3306", "one:1:2,two"])
def test_what_is_no_list_is_refused(form: str, hosts: str) -> None:
    """A wrong list of hosts is refused with an error of one sentence without the password."""
    with pytest.raises(ValueError, match=r"hosts|host twice|port") as caught:
        parse_dsn(form.format(hosts))
    assert "secret" not in str(caught.value)


class Server:
    """A server as the driver sees it. `rows`: its answers about its role, one after the other; None stands for an
    error."""

    def __init__(self, *rows: Row) -> None:
        self._rows = list(rows)
        self.statements: list[str] = []
        self.closed = False

    def cursor(self) -> "Server":
        """Return the server itself."""
        return self

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str) -> None:
        """Record the statement. Raises OperationalError if the next answer is None."""
        self.statements.append(statement)
        if statement.startswith("SELECT") and self._rows[0] is None:
            self._rows.pop(0)
            raise pymysql.err.OperationalError(1193, "unknown variable")

    def fetchone(self) -> Row:
        """Return the next answer."""
        return self._rows.pop(0)

    def close(self) -> None:
        """Close the connection."""
        self.closed = True


class Dialect:
    """Connects to the server that a test puts at a port. At a port with None no server listens."""

    def __init__(self, *servers: Server | None) -> None:
        self.servers = servers

    def connect(self, *, port: int, **_: object) -> Server:
        """Return the server at `port`. Raises OperationalError 2003 if none listens there."""
        server = self.servers[port - 1]
        if server is None:
            raise pymysql.err.OperationalError(2003, "refused")
        return server


#: A server's answers, and whether it takes writes, or None if it does not state that.
KINDS: dict[str, tuple[tuple[Row, ...], bool | None]] = {
    "any engine": (((0,),), True), "any engine, read-only": (((1,),), False),
    "MySQL": (((0, None),), True), "MySQL, read-only": (((1, None),), False),
    "a member": (((0, 1),), True), "a member without majority": (((0, 0),), False), "a secondary": (((1, 1),), False),
    "MariaDB": (((0, 0, "NONE"),), True), "MariaDB, read-only": (((1, 0, "NONE"),), False),
    "MariaDB 12": ((("OFF", 0, "NONE"),), True), "MariaDB 12, read-only": ((("NO_LOCK", 0, "NONE"),), False),
    "a Galera node": (((0, 1, "NONE"),) * 2, True), "a Galera node, read-only": (((1, 1, "NONE"),) * 2, False),
    "a Galera node that rejects": (((0, 1, "ALL"),) * 2, False),
    "a Galera node without quorum": (((0, 1, "NONE"), None), False),
    "an old engine": ((None, (0,)), True), "an old engine, read-only": ((None, (1,)), False),
    "a proxy that refuses to say": ((None, None), None),
}  # fmt: skip
LIMITS = {"connect_timeout": 1.0, "read_timeout": 1.0}


@given(st.lists(st.sampled_from([*KINDS, "nobody"]), min_size=2, max_size=5))
def test_the_first_that_takes_writes_is_used(kinds: list[str]) -> None:
    """The first host that takes writes is used, or else the first that does not state its role; without either, the
    error names each host. All other connections are closed."""
    servers = [None if kind == "nobody" else Server(*KINDS[kind][0]) for kind in kinds]
    answers = [False if kind == "nobody" else KINDS[kind][1] for kind in kinds]
    hosts = Hosts([("127.0.0.1", place + 1) for place in range(len(kinds))])
    best = next((answers.index(wanted) for wanted in (True, None) if wanted in answers), None)
    if best is None:
        with pytest.raises(NotConnected) as none:
            hosts.connect(Dialect(*servers), (), LIMITS)
        assert all(f"127.0.0.1:{place + 1}: " in str(none.value) for place in range(len(kinds)))
    else:
        made, place, _ = hosts.connect(Dialect(*servers), (), LIMITS)
        assert (place, made) == (best, servers[place])
        assert not made.closed
        in_step = [statement for statement in made.statements if "wsrep_sync_wait=7" in statement]
        assert bool(in_step) == kinds[place].startswith("a Galera node")
    tried = servers[: best + 1] if best is not None and answers[best] else servers
    assert all(server.closed for at, server in enumerate(tried) if server and at != best)


@pytest.mark.parametrize("kind", KINDS)
def test_the_only_host_is_used_if_it_answers_in_time(kind: str) -> None:
    """The only host is used whether or not it takes writes, because its reads are good, unless it is a Galera node
    without quorum."""
    hosts = Hosts([("127.0.0.1", 1)])
    if kind == "a Galera node without quorum":
        with pytest.raises(NotConnected, match="no quorum"):
            hosts.connect(Dialect(Server(*KINDS[kind][0])), (), LIMITS)
    else:
        role = hosts.connect(Dialect(Server(*KINDS[kind][0])), (), LIMITS)[2]
        assert (role and role.takes_writes) == KINDS[kind][1]


def test_the_host_in_use_is_tried_first() -> None:
    """The host in use is tried first, so that no request waits for a dead one; when it fails, the list is tried from
    its beginning."""
    first, second = Server((0,)), Server((0,), (0,), (1,))
    hosts = Hosts([("127.0.0.1", 1), ("127.0.0.1", 2)])
    assert hosts.connect(Dialect(None, second), (), LIMITS)[1] == 1
    assert hosts.connect(Dialect(first, second), (), LIMITS)[1] == 1
    assert hosts.connect(Dialect(first, second), (), LIMITS)[1] == 0


@pytest.mark.parametrize("number", [1047, 1180, 1290, 1836, 3032, 3100, 3101])
def test_what_a_node_refuses_is_an_outage(number: int) -> None:
    """An error with which a node refuses statements is an outage, and neither contention nor data, for which the
    connection would be kept."""
    error = sa.exc.DBAPIError.instance(
        "a statement",
        {},
        pymysql.err.OperationalError(number, "a text"),
        pymysql.err.Error,  # type: ignore[arg-type]
    )
    assert isinstance(classify(error), Outage)


@pytest.mark.parametrize("hosts", range(1, 7))
def test_all_hosts_together_take_no_longer_than_one(hosts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """When all hosts hang, trying them takes no longer than one host may take, because a later host has only the time
    that the earlier ones left."""
    now = [0.0]
    monkeypatch.setattr("holdfast.shared.store.hosts.time", SimpleNamespace(monotonic=lambda: now[0]))
    tried: list[float] = []

    class Hanging:
        def connect(self, *, read_timeout: float, **_: object) -> None:
            tried.append(read_timeout)
            now[0] += read_timeout
            raise pymysql.err.OperationalError(2013, "timed out")

    with pytest.raises(NotConnected):
        Hosts([("127.0.0.1", port + 1) for port in range(hosts)]).connect(Hanging(), (), LIMITS)
    assert len(tried) == hosts
    assert all(seconds > 0 for seconds in tried)
    assert now[0] <= sum(LIMITS.values()) + 0.001
