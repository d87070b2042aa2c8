"""`python -m deploy.compose.group`: form the group of three MySQL servers of deploy/compose/ha.yml, and bring back
members that have left it. `... --check`: exit code 0 if most of them are in the group, so that one may be away.

It decides nothing that the group decides: who is the primary, and who is a member, is Group Replication's own. It
begins a group only while every server answers and none is in one, with the server that has most.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pymysql

from deploy.compose.nodes import GROUP

#: The same values as in the servers' command.
NAME = "5f6d2b1e-9a34-4c57-8e10-2b7f4c9d3a61"
_PORT = 33061
_USER = "holdfast_recovery"
_SECRETS = Path("/run/holdfast")
_EVERY_S = 2.0
_TIMEOUT_S = 10
_JOIN_S = 120
#: States of a member that needs nothing. One that catches up will finish by itself.
_PRESENT = ("ONLINE", "RECOVERING")

_STATE = (
    "SELECT COALESCE((SELECT member_state FROM performance_schema.replication_group_members"
    " WHERE member_id = @@server_uuid), 'OFFLINE'), @@global.gtid_executed"
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server. `state`: None if it does not answer; `transactions`: how many of the group's it has."""

    host: str
    state: str | None
    transactions: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with a server: begin the group, or join it."""

    host: str
    what: Literal["begin", "join"]


def steps(servers: Sequence[Server]) -> list[Step]:
    """Return the steps that bring these servers into one group, as far as that is certain."""
    if any(server.state in _PRESENT for server in servers):
        away = [server for server in servers if server.state is not None and server.state not in _PRESENT]
        return [Step(server.host, "join") for server in away]
    if any(server.state is None for server in servers):
        return []
    return [Step(max(servers, key=lambda server: server.transactions).host, "begin")]


def transactions_of(executed: str, group: str) -> int:
    """Return how many of the group's transactions a set of GTIDs contains: `uuid:1-5:8,uuid:1-3`."""
    count = 0
    for part in executed.replace("\n", "").split(","):
        source, *ranges = part.strip().split(":")
        if source == group:
            for each in ranges:
                first, _, last = each.partition("-")
                count += int(last or first) - int(first) + 1
    return count


def _look(host: str) -> Server:
    try:
        with closing(_connect(host)) as connection:
            state, executed = _run(connection, _STATE)[0]
    except pymysql.err.MySQLError:
        return Server(host, None)
    return Server(host, str(state), transactions_of(str(executed), NAME))


def _take(step: Step, servers: Sequence[Server]) -> None:
    server = next(each for each in servers if each.host == step.host)
    number, address = list(GROUP).index(step.host) + 1, GROUP[step.host]
    own = f"SET GLOBAL server_id={number}, group_replication_local_address='{address}:{_PORT}'"
    with closing(_connect(step.host)) as connection:
        if not server.transactions:
            _run(connection, *_first_time())
        if server.state == "ERROR":
            _run(connection, "STOP GROUP_REPLICATION")
        _run(connection, own)
        if step.what == "join":
            _run(connection, "START GROUP_REPLICATION")
            return
        _run(connection, "SET GLOBAL group_replication_bootstrap_group=ON")
        try:
            _run(connection, "START GROUP_REPLICATION")
        finally:
            _run(connection, "SET GLOBAL group_replication_bootstrap_group=OFF")


def _first_time() -> Iterator[str]:
    """Yield the statements for a server that was never in the group: make the recovery user, and discard the server's
    own transactions. It has only made its users, and all servers have made the same ones."""
    password = (_SECRETS / "mysql" / "recovery_password").read_text().strip()
    yield "SET SESSION sql_log_bin=0"
    yield f"CREATE USER IF NOT EXISTS {_USER}@'%' IDENTIFIED BY '{password}'"
    yield f"GRANT REPLICATION SLAVE, BACKUP_ADMIN, GROUP_REPLICATION_STREAM ON *.* TO {_USER}@'%'"
    yield "RESET BINARY LOGS AND GTIDS"
    yield (
        f"CHANGE REPLICATION SOURCE TO SOURCE_USER='{_USER}', SOURCE_PASSWORD='{password}'"
        " FOR CHANNEL 'group_replication_recovery'"
    )


def _connect(host: str) -> Any:
    password = (_SECRETS / "mysql" / "root_password").read_text().strip()
    return pymysql.connect(
        host=host,
        user="root",
        password=password,
        autocommit=True,
        connect_timeout=_TIMEOUT_S,
        read_timeout=_JOIN_S,
        write_timeout=_TIMEOUT_S,
    )


def _run(connection: Any, *statements: str) -> Any:
    """Run statements, and return the rows of the last one."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall()


def main(arguments: list[str]) -> int:
    """Run until stopped."""
    if arguments == ["--check"]:
        return 0 if sum(_look(host).state == "ONLINE" for host in GROUP) * 2 > len(GROUP) else 1
    while True:
        servers = [_look(host) for host in GROUP]
        for step in steps(servers):
            sys.stdout.write(f"{step.host}: {step.what} ({servers})\n")
            sys.stdout.flush()
            try:
                _take(step, servers)
            except pymysql.err.MySQLError as error:
                sys.stdout.write(f"{step.host}: {error}\n")
        time.sleep(_EVERY_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
