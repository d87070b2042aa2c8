"""Replicas: whether enough replicas of a Redis have what was just written on a connection.

`WAIT` asks for their memory. Where the server has `WAITAOF` (Redis 7.2), it is asked for their disks as well, behind
`WAIT`: alone it takes up to a second, because a replica reports what it has just put on its disk with its next report.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from holdfast.shared.connections.asking import packed


class TooFewReplicas(RedisError):
    """A script has run, and too few replicas had its writes in time: they are lost if this node is. `reply` is the
    script's."""

    def __init__(self, text: str, reply: Any) -> None:
        super().__init__(text)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Replicas:
    """`count` of them have to have a write, each of their memory and their disk within `timeout_s`."""

    count: int
    timeout_s: float

    async def questions(self, connection: Any) -> list[bytes]:
        """The commands to send behind a write, packed. The server is asked once a connection which ones it has."""
        if connection.has_waitaof is None:
            await connection.send_command("COMMAND", "INFO", "WAITAOF")
            try:
                connection.has_waitaof = bool((await connection.read_response())[0])
            except ResponseError:  # not allowed to ask
                connection.has_waitaof = False
        timeout_ms = max(1, round(self.timeout_s * 1000))  # 0 is: for ever
        wait = [packed("WAIT", self.count, timeout_ms)]
        return wait + ([packed("WAITAOF", 0, self.count, timeout_ms)] if connection.has_waitaof else [])

    async def ask(self, redis: Redis, hash_key: str) -> None:
        """Whether they are there, without a change. Raises TooFewReplicas, RedisError, OSError."""
        pipeline = redis.pipeline(transaction=False)
        pipeline.hdel(hash_key, "")
        pipeline.wait(self.count, max(1, round(self.timeout_s * 1000)))
        _, have = await pipeline.execute()
        if have < self.count:
            raise TooFewReplicas(f"{have} of {self.count} replicas are there", None)

    async def answered(self, connection: Any, questions: Sequence[bytes], reply: Any) -> None:
        """Read the answers to the questions, behind the script's `reply`. Raises TooFewReplicas."""
        for _ in questions:
            try:
                answer = await connection.read_response()
            except ResponseError as error:  # it says nothing about the script, which has run
                raise TooFewReplicas(f"replicas could not be waited for: {error}", reply) from error
            have = answer[1] if isinstance(answer, list) else answer
            if have < self.count:
                raise TooFewReplicas(f"{have} of {self.count} replicas had the write in time", reply)
