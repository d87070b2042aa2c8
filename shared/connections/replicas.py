"""Replicas: checks whether enough replicas of a Redis have what was just written on a connection.

`WAIT` covers the replicas' memory. Where the server has `WAITAOF` (Redis 7.2), their disks are checked as well, after
`WAIT`: alone, `WAITAOF` takes up to a second, because a replica reports what it has just put on its disk only with its
next report.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from holdfast.shared.connections.asking import packed


class TooFewReplicas(RedisError):
    """A script has run, and too few replicas had its writes in time. The writes are lost if this node is lost. `reply`
    is the script's reply."""

    def __init__(self, text: str, reply: Any) -> None:
        super().__init__(text)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Replicas:
    """The requirement that `count` replicas have a write, in memory and then on disk, within `timeout_s` each."""

    count: int
    timeout_s: float

    async def questions(self, connection: Any) -> list[bytes]:
        """Return the packed commands to send after a write. The server is asked once per connection which of them it
        supports."""
        if connection.has_waitaof is None:
            await connection.send_command("COMMAND", "INFO", "WAITAOF")
            try:
                connection.has_waitaof = bool((await connection.read_response())[0])
            except ResponseError:  # no right to ask
                connection.has_waitaof = False
        timeout_ms = max(1, round(self.timeout_s * 1000))  # 0 would mean no limit
        wait = [packed("WAIT", self.count, timeout_ms)]
        return wait + ([packed("WAITAOF", 0, self.count, timeout_ms)] if connection.has_waitaof else [])

    async def ask(self, redis: Redis, hash_key: str) -> None:
        """Check that enough replicas are connected, without changing anything. Raises TooFewReplicas, RedisError,
        OSError."""
        pipeline = redis.pipeline(transaction=False)
        pipeline.hdel(hash_key, "")
        pipeline.wait(self.count, max(1, round(self.timeout_s * 1000)))
        _, have = await pipeline.execute()
        if have < self.count:
            raise TooFewReplicas(f"{have} of {self.count} replicas are there", None)

    async def answered(self, connection: Any, questions: Sequence[bytes], reply: Any) -> None:
        """Read the answers to the questions, which follow the script's `reply`. Raises TooFewReplicas."""
        for _ in questions:
            try:
                answer = await connection.read_response()
            except ResponseError as error:  # it says nothing about the script, which has run
                raise TooFewReplicas(f"replicas could not be waited for: {error}", reply) from error
            have = answer[1] if isinstance(answer, list) else answer
            if have < self.count:
                raise TooFewReplicas(f"{have} of {self.count} replicas had the write in time", reply)
