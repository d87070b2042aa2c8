"""Commands on Redis: random ones have the same replies on the model as on a real server."""

import time

from tests.contracts.redis_draws import Draw, comparable
from tests.contracts.redis_wire import Wire, modelled
from tests.models.redis_server import RedisModel

_DRAWS, _COMMANDS = 40, 200


def test_random_commands(wire: Wire) -> None:
    """Random commands in random order have the same replies on the model as on a real server."""
    for seed in range(_DRAWS):
        draw, model = Draw(seed), RedisModel(time.time)
        commands = [draw.command() for _ in range(_COMMANDS)]
        wire.many([["FLUSHALL"]])
        for at, (command, real) in enumerate(zip(commands, wire.many(commands), strict=True)):
            ours = comparable(command, modelled(model, command))
            assert ours == comparable(command, real), f"seed {seed}, command {at}: {command}"
