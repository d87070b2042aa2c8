"""Connections: drops a connection that is no longer good, and with it all other connections of its pool.

The rule: an error that is not about contention, a clash or the data says something about the server or our access to
it, so no earlier connection is trusted any more. A pooled connection that its server has closed is not used; the kernel
knows this, so the check costs no round trip. A connection without errors is asked now and then whether its server still
has the same role: a demoted primary keeps answering reads, and a lost one does not answer at all.
"""

import time
from functools import partial
from typing import Any

import pymysql
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import ExceptionContext

from holdfast.shared.connections.closed import is_closed
from holdfast.shared.faults import BadData, Contention, Unexplained
from holdfast.shared.store.classify import classify
from holdfast.shared.store.hosts import Hosts
from holdfast.shared.store.role import role_of

#: Execution option of a connection: further kinds of faults after which the connection is kept.
KEPT = "holdfast_kept"

#: Seconds that a connection is used before its server's role is checked again.
_ROLE_KNOWN_S = 1.0


def watch(engine: sa.Engine, hosts: Hosts) -> None:
    """Apply the rule to an engine's connections, and let `hosts` make them."""

    def connect(dialect: Any, record: Any, args: Any, parameters: Any) -> Any:
        connection, place, role = hosts.connect(dialect, args, parameters)
        is_left = partial(hosts.is_left, place, dialect, args, parameters)
        record.info.update(role=role, role_at=time.monotonic(), is_left=is_left)
        return connection

    sa.event.listen(engine, "do_connect", connect)
    sa.event.listen(engine, "handle_error", _drop, retval=True)
    sa.event.listen(engine, "checkout", _checked_out)


def _drop(context: ExceptionContext) -> Exception | None:
    """Mark the connection for dropping, unless it is still good after the error. Return a fault for an error that is
    not the driver's."""
    error = context.sqlalchemy_exception
    if error is None and not isinstance(context.original_exception, Exception):
        return None  # the program ends
    # An error that is not the driver's, but was raised inside it. No other handler would translate it.
    fault = classify(error) if error else Unexplained(type(context.original_exception).__name__)
    options = context.connection.get_execution_options() if context.connection else {}
    if not isinstance(fault, (Contention, BadData, *options.get(KEPT, ()))):
        context.is_disconnect = True
    return None if error else fault


def _checked_out(connection: Any, record: Any, _proxy: Any) -> None:
    """Check a connection that is taken from the pool. Raises InvalidatePoolError, after which the pool replaces its
    connections, if the server has closed this connection or has another role, or an earlier host accepts writes again.
    """
    if _is_closed(connection):
        raise sa.exc.InvalidatePoolError("the server has closed the connection")
    if record.info["is_left"]():
        raise sa.exc.InvalidatePoolError("a host before this one in the list takes writes again")
    now = time.monotonic()
    if now - record.info["role_at"] < _ROLE_KNOWN_S:
        return
    if role_of(connection, record.info["role"]) != record.info["role"]:
        raise sa.exc.InvalidatePoolError("the server has another role than when the connection was made")
    record.info["role_at"] = now


def _is_closed(connection: Any) -> bool:
    own = getattr(connection, "_sock", None)  # PyMySQL has no other name for it
    if own is not None:
        return is_closed(own.fileno())
    try:
        connection.ping(reconnect=False)
    except pymysql.err.Error:
        return True
    return False
