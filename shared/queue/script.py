"""Script: a Lua file, one of those beside this one unless told otherwise, called in one round trip.

Two things that redis-py's own scripts do not do: the command is packed in C, and an error says whether it was sent.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hiredis
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from shared.queue.connection import Unsent

_FOLDER = Path(__file__).parent


class NotSent(Exception):
    """No connection could be had, so nothing was asked of Redis. The reason is the cause."""


class Script:
    """`accept`, `settle`, ..."""

    def __init__(self, redis: Redis, name: str, folder: Path = _FOLDER) -> None:
        self._pool = redis.connection_pool
        registered = redis.register_script((folder / f"{name}.lua").read_text())
        self._sha, self._text = str(registered.sha), str(registered.script)

    async def __call__(self, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """The script's answer. Raises NotSent, Redis' own refusal (ResponseError), or whatever cut the answer off."""
        try:
            connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]  # untyped there
        except (RedisError, OSError) as error:
            raise NotSent from error
        answered = False
        try:
            try:
                await connection.send_packed_command(_packed("EVALSHA", self._sha, len(keys), *keys, *args))
                reply = await connection.read_response()
            except NoScriptError:
                await connection.send_packed_command(_packed("EVAL", self._text, len(keys), *keys, *args))
                reply = await connection.read_response()
            answered = True
            return reply
        except Unsent as error:
            raise NotSent from error
        finally:
            if not answered:  # an answer may still be on its way: nobody else must read it
                await connection.disconnect()
            await self._pool.release(connection)


def _packed(*parts: str | bytes | int) -> bytes:
    """A command as it goes over the wire."""
    return hiredis.pack_command(parts)  # type: ignore[arg-type, no-any-return]  # its stub knows tuples of one only
