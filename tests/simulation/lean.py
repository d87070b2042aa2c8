"""Lean: leaves out work of redis-py that has no effect here: metrics that are not collected, a lock around a list that
does not change, warnings for arguments that are not used. What is sent, and when, stays the same."""

from collections.abc import Callable, Iterator
from typing import Any

import hiredis
from redis import client as of_all_clients
from redis import event
from redis.asyncio import client, connection
from redis.asyncio.connection import AbstractConnection, BlockingConnectionPool, ConnectionPool

_OBSERVED = (
    "record_connection_closed", "record_connection_count", "record_connection_create_time",
    "record_connection_wait_time", "record_error_count", "record_operation_duration",
)  # fmt: skip


class _Done:
    """An awaitable that is already done."""

    def __await__(self) -> Iterator[None]:
        return iter(())


_DONE = _Done()
_PACK: Callable[..., list[bytes]] = AbstractConnection.pack_command
#: Types that both packers accept. Anything else is left to redis-py, which refuses some types.
_KNOWN = frozenset((bytes, str, int))


def substitutes() -> Iterator[tuple[Any, str, Any]]:
    """Yield (target, name, replacement) for each function."""
    for module in (connection, client):
        for name in _OBSERVED:
            if hasattr(module, name):
                yield module, name, lambda *_, **__: _DONE
    yield connection, "get_pool_name", lambda _: ""
    yield event.EventDispatcher, "dispatch_async", _dispatch
    for kind in (ConnectionPool, BlockingConnectionPool):
        yield kind, "get_connection", kind.get_connection.__wrapped__  # type: ignore[attr-defined]
    yield AbstractConnection, "__init__", AbstractConnection.__init__.__wrapped__  # type: ignore[attr-defined]
    yield AbstractConnection, "pack_command", _packed
    yield of_all_clients.CaseInsensitiveDict, "__init__", _in_upper_case


async def _dispatch(self: Any, one: object) -> None:
    for listener in self._event_listeners_mapping.get(type(one), ()):
        await listener.listen(one)


def _packed(self: Any, *args: Any) -> list[bytes]:
    """Pack a command as redis-py does, but in C."""
    if not _KNOWN.issuperset(map(type, args)):
        return _PACK(self, *args)
    return [hiredis.pack_command((*args[0].split(), *args[1:]))]


def _in_upper_case(self: dict[str, Any], values: dict[str, Any]) -> None:
    dict.update(self, zip(map(str.upper, values), values.values(), strict=True))
