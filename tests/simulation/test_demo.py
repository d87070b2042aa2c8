"""The real api and writer in virtual time: they work, repeat to the byte, and survive a kill at any step."""

import asyncio
import os
import subprocess
import sys

import pytest

from tests.simulation.demo import Demo

_KEY = "Idempotency-Key: once\r\n"
_ENOUGH_S = 120


def test_a_seed_gives_the_same_bytes() -> None:
    """The timeline depends on the seed: not on the hashes of strings, and not on addresses in memory."""

    def began(seed: int, hashes: int) -> "subprocess.Popen[bytes]":
        environment = os.environ | {"PYTHONHASHSEED": str(hashes)}
        command = [sys.executable, "-m", "tests.simulation.demo", str(seed)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)

    runs = [began(7, 1), began(7, 2)]
    first, second = [run.communicate(timeout=_ENOUGH_S)[0] for run in runs]
    assert first.count(b"GET /users/") == 1
    assert first == second


@pytest.mark.parametrize("victim", ["api-1", "writer-1"])
def test_a_kill_at_any_step_loses_and_doubles_nothing(victim: str) -> None:
    """A process is killed at some step while it takes or applies a write, and comes back. The client sends the request
    again until it is answered; the write takes effect once."""
    for steps in range(1, 90, 8):
        demo = Demo(steps)

        async def scenario(demo: Demo = demo, steps: int = steps) -> None:
            node = demo.nodes[victim]
            node.kill(after_steps=steps)
            asyncio.get_running_loop().call_later(2, lambda: node.running or node.start())
            async with asyncio.timeout(60):
                while not (created := await demo.ask("POST", "/users", _KEY, name="Ada", email="ada@example.com")):
                    await asyncio.sleep(0.3)
                while (await demo.ask("GET", f"/operations/{created['operation_id']}") or {}).get(
                    "status"
                ) != "applied":
                    await asyncio.sleep(0.3)

        demo.run(scenario)
        assert demo.database.query("SELECT name FROM users") == [("Ada",)]
        assert demo.database.query("SELECT COUNT(*) FROM operations WHERE command LIKE 'Create%'") == [(1,)]
