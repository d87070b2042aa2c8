"""The real api and writer in virtual time: they work, and survive a kill at any step."""

import asyncio

import pytest

from tests.simulation.demo import Demo

_KEY = "Idempotency-Key: once\r\n"


def test_a_write_is_applied_and_read() -> None:
    """A user is created, the write is applied, the user is read, and both processes stop."""
    timeline = Demo(1).run()
    assert timeline.count("service_stopped") == 2


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


@pytest.mark.parametrize("seed", range(3))
def test_a_write_that_no_writer_knows_is_given_up(seed: int) -> None:
    """Writers that read a write unknown to their build, one after the other, all measure its patience from the first
    reading, and then dead-letter it."""
    quick = {"writer_claim_idle_s": 3, "writer_unknown_patience_s": 3, "db_timeout_s": 1.4, "db_lock_wait_s": 1}
    demo = Demo(seed, writers=3, **quick)
    entry = {
        b"schema": b"99",
        b"resource": b"users",
        b"command": b"CreateUser",
        b"operation_id": b"x",
        b"payload": b"{}",
    }

    async def scenario() -> None:
        for name in ("writer-2", "writer-3"):  # writers look at different moments
            demo.nodes[name].kill()
            await asyncio.sleep(demo.simulation.chance(name).uniform(0.2, 0.8))
            demo.nodes[name].start()
        for _ in range(3):
            fields = [part for pair in entry.items() for part in pair]
            demo.queue.run((b"XADD", b"{holdfast}:writes", b"*", *fields))
            demo.queue.serve()
            await asyncio.sleep(2.3)
        await asyncio.sleep(60)
        assert demo.queue.run((b"XLEN", b"{holdfast}:dead")) == 3

    demo.run(scenario)
