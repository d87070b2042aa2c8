"""Role: whether a server accepts writes, and whether it is a node of a cluster. One statement asks for both: each kind
of server reads the comments that are meant for it. A server that refuses the statement is asked for `read_only`
alone."""

from dataclasses import dataclass, field
from typing import Any

import pymysql

#: For Group Replication: whether this server is an online member that sees a majority; NULL if there is no group.
#: Without the right to read that table, only `read_only` counts, which a member in trouble sets late.
_MEMBER = (
    "(SELECT SUM(member_id IN ('', @@server_uuid) AND member_state = 'ONLINE') = 1"
    " AND SUM(member_state = 'UNREACHABLE') * 2 < COUNT(*) FROM performance_schema.replication_group_members)"
)
_READ_ONLY = "SELECT @@global.read_only"
_FULL = f"{_READ_ONLY} /*M!100400 , @@global.wsrep_on, @@global.wsrep_reject_queries */ /*!80000 , {_MEMBER} */"

#: Makes a node wait before each transaction until it has applied what all nodes have committed so far: for reads (1),
#: for updates and deletes (2), whose row counts are answers too, and for inserts (4).
_IN_STEP = "SET SESSION wsrep_sync_wait=7, wsrep_dirty_reads=0"


@dataclass(frozen=True, slots=True)
class Role:
    """The role that a server reports. `away`: whether the server is in a cluster and accepts no statements;
    `statement`: the statement that it was asked with."""

    read_only: bool
    galera: bool = False
    away: bool = False
    statement: str = field(default="", compare=False)

    @property
    def takes_writes(self) -> bool:
        """Whether a write may succeed."""
        return not self.read_only and not self.away


def role_of(connection: Any, known: Role | None = None) -> Role | None:
    """Return the role of a connection's server, or None if it does not answer. `known`: the role that the server had.
    An answer of a Galera node after `keep_in_step` means that the node has a quorum and keeps up."""
    for statement in (known.statement,) if known else (_FULL, _READ_ONLY):
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return _role(cursor.fetchone(), statement)
        except pymysql.err.Error:
            continue
    return None


def keep_in_step(connection: Any) -> None:
    """Make a connection to a Galera node wait for the cluster's commits before it answers. Raises the driver's
    errors."""
    with connection.cursor() as cursor:
        cursor.execute(_IN_STEP)


def _role(row: Any, statement: str) -> Role:
    read_only = row[0] not in (0, "OFF")  # MariaDB 12 answers with names: OFF, ON, NO_LOCK, NO_LOCK_NO_ADMIN
    match row:
        case (_, wsrep_on, rejects):
            return Role(read_only, bool(wsrep_on), bool(wsrep_on) and rejects != "NONE", statement)
        case (_, member):
            return Role(read_only, away=member is not None and not member, statement=statement)
        case _:
            return Role(read_only, statement=statement)
