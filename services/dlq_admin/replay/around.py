"""Around: what else goes on while a replay runs: live traffic, and the writers' breakers as far as anybody tells."""

from redis.asyncio import Redis

from services.dlq_admin.replay.stop import Surroundings
from shared.queue.backlog import backlog


class Around:
    """`await around(in_flight)`: entries of the replay itself are not counted as other people's."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def __call__(self, in_flight: int) -> Surroundings:
        """Raises RedisError, OSError."""
        seen = await backlog(self._redis)
        return Surroundings(max(0, seen.depth - in_flight), seen.oldest_age_s)
