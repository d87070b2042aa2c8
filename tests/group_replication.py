"""Group Replication: three MySQL servers in containers, one of which takes writes."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pymysql

from deploy.local.output import Problem
from deploy.privileges import database as privileges
from deploy.stacks.engine import docker
from tests.conftest import migrate
from tests.ports import free_port
from tests.servers import PASSWORD, wait_until

_IMAGE = "mysql:9.7"
_MEMBERS = "SELECT member_state FROM performance_schema.replication_group_members"


def engine_lacks() -> str:
    """Return why no group can be started here, or an empty string if one can."""
    try:
        docker("image", "inspect", _IMAGE)
    except Problem as problem:
        return str(problem)
    return ""


class Member:
    """One server. The tests reach it at a port of 127.0.0.1, the other members under its name."""

    def __init__(self, network: str, names: list[str], number: int, group: str) -> None:
        self.name = names[number]
        self.port = free_port()
        seeds = ",".join(f"{name}:33061" for name in names)
        group_settings = {
            "group-name": group, "local-address": f"{self.name}:33061", "group-seeds": seeds,
            "start-on-boot": "OFF", "recovery-get-public-key": "ON", "member-expel-timeout": "0",
            "unreachable-majority-timeout": "5",
        }  # fmt: skip
        docker(
            "run", "--detach", "--name", self.name, "--hostname", self.name, "--network", network,
            "--publish", f"127.0.0.1:{self.port}:3306", "--env", f"MYSQL_ROOT_PASSWORD={PASSWORD}", _IMAGE,
            f"--server-id={number + 1}", f"--report-host={self.name}", "--gtid-mode=ON",
            "--enforce-gtid-consistency=ON", "--plugin-load-add=group_replication.so",
            *(f"--loose-group-replication-{name}={value}" for name, value in group_settings.items()),
        )  # fmt: skip

    @property
    def dsn(self) -> str:
        """A DB_DSN whose user has all rights."""
        return f"mysql://holdfast:{PASSWORD}@127.0.0.1:{self.port}/holdfast"

    def connect(self, user: str = "holdfast", database: str | None = "holdfast") -> Any:
        """Return a plain connection."""
        return pymysql.connect(
            user=user, password=PASSWORD, database=database, host="127.0.0.1", port=self.port,
            connect_timeout=10, read_timeout=60, autocommit=True,
        )  # fmt: skip

    def run(self, *statements: str) -> Any:
        """Run statements as root, and return the rows of the last."""
        with self.connect("root", None) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall()

    def answers(self) -> bool:
        """Return whether the server answers a query."""
        try:
            return bool(self.run("SELECT 1"))
        except pymysql.err.MySQLError:
            return False

    def is_primary(self) -> bool:
        """Return whether the server takes writes."""
        return self.answers() and self.run("SELECT @@global.super_read_only") == ((0,),)

    def is_used(self) -> bool:
        """Return whether a service has a connection to the server."""
        query = "SELECT COUNT(*) FROM performance_schema.processlist WHERE user LIKE 'holdfast%'"
        return bool(self.run(query)[0][0])

    def kill(self) -> None:
        """Kill the container, with SIGKILL."""
        docker("kill", self.name)

    def start(self) -> None:
        """Start the container again, and join the group."""
        docker("start", self.name)
        wait_until(self.answers, what=self.name)
        self.join()

    def join(self, *, as_first: bool = False) -> None:
        """Join the group, or create it as its first member."""
        begin = "START GROUP_REPLICATION"
        bootstrap = "SET GLOBAL group_replication_bootstrap_group={}"
        self.run(*([bootstrap.format("ON"), begin, bootstrap.format("OFF")] if as_first else [begin]))

    def take_over(self) -> None:
        """Become the primary, in a planned switch."""
        ((own,),) = self.run("SELECT @@server_uuid")
        self.run(f"SELECT group_replication_set_as_primary('{own}')")


class Group:
    """A running group. `members[0]` is the primary at first."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members
        hosts = ",".join(f"127.0.0.1:{member.port}" for member in members)
        self.dsn = f"mysql://holdfast:{PASSWORD}@{hosts}/holdfast"

    def primary(self) -> Member:
        """Return the primary. Raises StopIteration while there is none."""
        return next(member for member in self.members if member.is_primary())

    def wait_until_whole(self) -> None:
        """Wait until each member sees all others online."""
        whole = (("ONLINE",),) * len(self.members)
        wait_until(
            lambda: all(m.answers() and m.run(_MEMBERS) == whole for m in self.members), what="the group is whole"
        )


@contextmanager
def running_group() -> Iterator[Group]:
    """Yield a group with all members online, migrated."""
    network = f"holdfast-group-{os.getpid()}"
    names = [f"{network}-{number}" for number in range(3)]
    with ExitStack() as stack:
        docker("network", "create", network)
        stack.callback(docker, "network", "rm", network)
        members = []
        for number, name in enumerate(names):
            stack.callback(
                subprocess.run, ["docker", "rm", "--force", "--volumes", name], capture_output=True, check=False
            )
            members.append(Member(network, names, number, str(uuid.uuid5(uuid.NAMESPACE_DNS, network))))
        for member in members:
            wait_until(member.answers, what=member.name)
            member.run(
                "SET sql_log_bin=0", f"CREATE USER replica@'%' IDENTIFIED BY '{PASSWORD}'",
                "GRANT REPLICATION SLAVE, BACKUP_ADMIN, GROUP_REPLICATION_STREAM ON *.* TO replica@'%'",
                "RESET BINARY LOGS AND GTIDS",
                f"CHANGE REPLICATION SOURCE TO SOURCE_USER='replica', SOURCE_PASSWORD='{PASSWORD}'"
                " FOR CHANNEL 'group_replication_recovery'",
            )  # fmt: skip
        members[0].join(as_first=True)
        wait_until(members[0].is_primary, what="the group has a primary")
        accounts = [privileges.user(service, "%") for service in privileges.with_users()]
        members[0].run(
            "CREATE DATABASE holdfast", f"CREATE USER holdfast@'%' IDENTIFIED BY '{PASSWORD}'",
            "GRANT ALL ON holdfast.* TO holdfast@'%'",
            *privileges.users(dict.fromkeys(privileges.with_users(), PASSWORD), "%"),
            *(f"GRANT SELECT ON performance_schema.replication_group_members TO {account}" for account in accounts),
        )  # fmt: skip
        migrate(members[0].dsn)
        for member in members[1:]:
            member.join()
        group = Group(members)
        group.wait_until_whole()
        yield group
