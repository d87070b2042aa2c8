"""An entry that kills its writer is found out, and does not take its neighbours with it."""

from tests.integration.conftest import StartWriter
from tests.servers import wait_until
from tests.stream import Stream, new_user


def test_an_entry_that_kills_three_writers_is_dead_lettered(stream: Stream, start_writer: StartWriter) -> None:
    """Whoever shared a batch with it is applied; the entry is a crash loop."""
    neighbours, killer = [new_user() for _ in range(6)], new_user("Killer")
    stream.accept([*neighbours[:3], killer, *neighbours[3:]])
    deaths = 0
    for number in range(5):
        writer = start_writer(f"writer-{number}", "tests.integration.killed_by_name", wait=False)
        wait_until(lambda: stream.backlog() == 0 or not writer.running, what="the end of the stream or the writer")  # noqa: B023
        if stream.backlog() == 0:
            break
        deaths += 1
    stream.wait_for_end(neighbours)
    [letter] = stream.dead()
    assert letter[b"reason"] == b"crash_loop"
    assert letter[b"original.operation_id"] == killer.operation_id.encode()
    assert deaths == 3
    assert killer.operation_id not in stream.ended()
