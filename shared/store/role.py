"""Role: whether a server takes writes, and whether it is a node of a cluster. One statement: each engine reads the
comments that are meant for it, and an engine that refuses the statement is asked for `read_only` alone."""

from dataclasses import dataclass, field
from typing import Any

import pymysql

#: Of Group Replication: whether this server is a member in good standing that sees a majority; NULL: there is no group.
#: Without the right to read that table, `read_only` alone counts, which a member in trouble sets late.
_MEMBER = (
    "(SELECT SUM(member_id IN ('', @@server_uuid) AND member_state = 'ONLINE') = 1"
    " AND SUM(member_state = 'UNREACHABLE') * 2 < COUNT(*) FROM performance_schema.replication_group_members)"
)
_READ_ONLY = "SELECT @@global.read_only"
_FULL = f"{_READ_ONLY} /*M!100400 , @@global.wsrep_on, @@global.wsrep_reject_queries */ /*!80000 , {_MEMBER} */"

#: A node answers only what all nodes have committed so far, before each transaction: reads (1), updates and deletes
#: (2), whose number of rows is an answer as well, and inserts (4).
_IN_STEP = "SET SESSION wsrep_sync_wait=7, wsrep_dirty_reads=0"


@dataclass(frozen=True, slots=True)
class Role:
    """What a server says of itself. `away`: it is in a cluster, and takes no statements. `statement`: by which it was
    asked."""

    read_only: bool
    galera: bool = False
    away: bool = False
    statement: str = field(default="", compare=False)

    @property
    def takes_writes(self) -> bool:
        """Whether a write may work."""
        return not self.read_only and not self.away


def role_of(connection: Any, known: Role | None = None) -> Role | None:
    """None: it does not answer. `known`: the role that it had. On a Galera node in step, an answer means that the node
    has a quorum and keeps up."""
    for statement in (known.statement,) if known else (_FULL, _READ_ONLY):
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return _role(cursor.fetchone(), statement)
        except pymysql.err.Error:
            continue
    return None


def keep_in_step(connection: Any) -> None:
    """Prepare a connection to a Galera node. Raises the driver's errors."""
    with connection.cursor() as cursor:
        cursor.execute(_IN_STEP)


def _role(row: Any, statement: str) -> Role:
    match row:
        case (read_only, wsrep_on, rejects):
            return Role(bool(read_only), bool(wsrep_on), bool(wsrep_on) and rejects != "NONE", statement)
        case (read_only, member):
            return Role(bool(read_only), away=member is not None and not member, statement=statement)
        case _:
            return Role(bool(row[0]), statement=statement)
