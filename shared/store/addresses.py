"""Addresses: PyMySQL tries the addresses of a host's name one after another, and each may take the whole connect
timeout. Here it gets a socket that is connected to the first address that answers, and the timeout covers all."""

import socket
from typing import Any

from pymysql.connections import Connection
from pymysql.constants import CR
from pymysql.err import OperationalError

from holdfast.shared.connections.happy_eyeballs import connected_in_thread

_own = Connection.connect


def prepare() -> None:
    """Make PyMySQL connect so. Call before the first connection is made."""
    Connection.connect = _connect  # type: ignore[assignment,method-assign]  # PyMySQL has no other place for it


def _connect(connection: Any, sock: Any = None) -> None:
    if sock is None and not connection.unix_socket:
        try:
            sock = connected_in_thread(connection.host, connection.port, connection.connect_timeout)
        except OSError as error:
            text = f"Can't connect to MySQL server on {connection.host!r} ({error})"
            raise OperationalError(CR.CR_CONN_HOST_ERROR, text) from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    _own(connection, sock)
