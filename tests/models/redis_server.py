"""The Redis model, by its public name."""

from tests.models.redis.server import RedisModel as RedisModel
