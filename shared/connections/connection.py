"""Connection: connections to one node of Redis, over TCP, TLS or a Unix socket. Every command is sent once."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any

from redis.asyncio import Connection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError, RedisError

from holdfast.shared.connections.closed import is_closed
from holdfast.shared.connections.happy_eyeballs import connected
from holdfast.shared.connections.tls import Renewed


class Unsent(ConnectionError):
    """The connection was dead before anything was sent, and no new connection could be made."""


class WrongNode(ConnectionError):
    """The node takes no writes, or not for this key: it is not the primary, or no longer, or not yet. The connection is
    closed, and the next one is made to the primary of that time."""


#: The codes with which a node reports this.
_WRONG_NODE = re.compile("READONLY|LOADING|MASTERDOWN|NOREPLICAS|MOVED|ASK|CLUSTERDOWN|TRYAGAIN|UNBLOCKED")


def code_of(error: Exception) -> str:
    """Return the first word of Redis' error."""
    return getattr(error, "status_code", None) or str(error).partition(" ")[0]


class _Cut(RuntimeError):
    """The connection was closed before anything was sent. uvloop raises a plain RuntimeError for a closed
    connection."""


class _Reviving(AbstractConnection):
    """A connection that is made again if it was closed while idle. The kernel is asked right before each command: the
    event loop may not have run since the server closed the connection, and a command that is sent into a closed
    connection may or may not have arrived. A command that was certainly not sent can be sent again without adding
    anything twice.

    A connection does not send CLIENT SETINFO, for which a Redis user with least privileges has no right.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**(_without_names(options) | {"driver_info": None}))
        self._is_reviving = False
        #: Whether this server has WAITAOF; None until the server was asked.
        self.has_waitaof: bool | None = None

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        """Reset what is known about the server, because it may be another one than before."""
        self.has_waitaof = None
        await super().on_connect_check_health(check_health)

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """Send a command. Raises Unsent, or what redis-py raises. A command that can be written at once is sent without
        a time limit, for which redis-py would create a task. The wait for the reply has a limit in any case."""
        if self._written(command):
            return
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            if self._is_reviving:  # the new connection was closed at once
                raise Unsent from error
            await self._revived()
            await super().send_packed_command(command, check_health)

    def _written(self, command: bytes | str | Iterable[bytes]) -> bool:
        """Write the command if the connection is open and its buffer is empty. Return whether it was written."""
        if self._writer is None or isinstance(command, str):
            return False
        transport = self._writer.transport
        if _is_closed(transport) or transport.get_write_buffer_size():
            return False
        try:
            self._writer.writelines((command,) if isinstance(command, bytes) else command)
        except RuntimeError:
            return False
        return True

    async def read_response(self, *args: Any, **more: Any) -> Any:
        """Return the reply. Raises WrongNode, or what redis-py raises."""
        try:
            return await super().read_response(*args, **more)
        except RedisError as error:
            if not _WRONG_NODE.fullmatch(code_of(error)):
                raise
            await self.disconnect()
            text = str(error) if str(error).startswith(code_of(error)) else f"{code_of(error)} {error}"
            raise WrongNode(text) from error

    async def disconnect(self, *_: Any, **more: Any) -> None:
        """Close the connection. That never waits for the other side, and so never fails: redis-py would raise
        TimeoutError, which means that a command got no answer."""
        await super().disconnect(**more | {"nowait": True})

    async def _revived(self) -> None:
        self._is_reviving = True
        try:
            await self.connect()  # type: ignore[no-untyped-call]  # untyped there
        except (RedisError, OSError) as error:
            raise Unsent from error
        finally:
            self._is_reviving = False

    async def _send_packed_command(self, command: Iterable[bytes]) -> None:
        if self._writer is not None and _is_closed(self._writer.transport):
            raise _Cut("closed while idle")
        await super()._send_packed_command(command)


def _is_closed(transport: asyncio.WriteTransport) -> bool:
    """Return whether either side has closed the connection."""
    own = transport.get_extra_info("socket")
    return transport.is_closing() or (own is not None and is_closed(own.fileno()))


class Plain(_Reviving, Connection):
    """A connection over TCP."""

    async def _connect(self) -> None:
        async with asyncio.timeout(self.socket_connect_timeout):
            self._connected = await connected(self.host, self.port)
            await super()._connect()  # type: ignore[no-untyped-call]  # untyped there

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {"sock": self._connected}


class Encrypted(Plain):
    """An encrypted connection. Nothing is sent before the server's certificate is verified."""

    def __init__(self, *, tls: Renewed, **options: Any) -> None:
        super().__init__(**options)
        self._tls = tls

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "ssl": self._tls.context(), "server_hostname": self.host}


class Local(_Reviving, UnixDomainSocketConnection):
    """A connection to a Unix socket."""


def _without_names(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in ("lib_name", "lib_version")}
