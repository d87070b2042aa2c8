"""Script: calls a Lua file in one round trip. A line `-- include NAME.lua` is replaced by the file of that name in the
same folder, which several scripts share.

Unlike redis-py's own scripts, the command is packed in C, and an error says whether the command was sent.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from holdfast.shared.connections.asking import give_back, packed, pool_at
from holdfast.shared.connections.connection import Unsent, code_of
from holdfast.shared.connections.replicas import Replicas

_INCLUDE = re.compile(r"^-- include (\w+\.lua)$", re.MULTILINE)


def text_of(file: Path) -> str:
    """Return the script's text, with its includes."""
    return _INCLUDE.sub(lambda found: file.with_name(found[1]).read_text(), file.read_text())


class NotSent(Exception):
    """There was no connection, so nothing was sent to Redis. The cause is the reason."""


#: Errors with which Redis refuses to run a script.
_REFUSALS = {
    "OOM", "READONLY", "MISCONF", "NOSCRIPT", "LOADING", "BUSY", "NOPERM", "NOAUTH", "WRONGPASS", "MASTERDOWN",
    "NOREPLICAS", "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN", "CROSSSLOT",
}  # fmt: skip


def refused(error: Exception) -> bool:
    """Return whether Redis refused to run the script, so that it had no effect. An error from a running script names
    the script, whatever its code."""
    return code_of(error) in _REFUSALS and "script: " not in str(error)


class Script:
    """A Lua script on one Redis, or on the cluster's node that owns its keys. With `replicas`, the script's writes
    count only when that many replicas have them, too.

    accept = Script(redis, LUA / "accept.lua")
    reply = await accept(["key"], ["argument"])
    """

    def __init__(self, redis: Redis, file: Path, replicas: Replicas | None = None) -> None:
        self._redis = redis
        self._replicas = replicas
        registered = redis.register_script(text_of(file))
        self._sha, self._text = str(registered.sha), str(registered.script)

    async def __call__(self, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """Run the script, and return its reply. Raises NotSent, ResponseError if Redis refused, TooFewReplicas, or the
        error that cut off the reply."""
        try:
            pool = await pool_at(self._redis, keys[0])
            connection = await pool.get_connection()
        except (RedisError, OSError) as error:
            raise NotSent from error
        answered = False
        try:
            questions = await self._questions(connection)
            try:
                command = packed("EVALSHA", self._sha, len(keys), *keys, *args)
                reply = await self._reply(connection, command, questions)
            except NoScriptError:
                command = packed("EVAL", self._text, len(keys), *keys, *args)
                reply = await self._reply(connection, command, questions)
            answered = True
            return reply
        except Unsent as error:
            raise NotSent from error
        finally:
            await give_back(pool, connection, answered=answered)

    async def _questions(self, connection: Any) -> list[bytes]:
        if self._replicas is None:
            return []
        try:
            return await self._replicas.questions(connection)
        except (RedisError, OSError) as error:
            raise NotSent from error

    async def _reply(self, connection: Any, command: bytes, questions: list[bytes]) -> Any:
        """Return the reply, in one round trip: the questions about replicas follow the command on the same
        connection."""
        await connection.send_packed_command([command, *questions] if questions else command)
        try:
            reply = await connection.read_response()
        except NoScriptError:
            for _ in questions:
                await connection.read_response()
            raise
        if self._replicas is not None:
            await self._replicas.answered(connection, questions, reply)
        return reply
