"""Several writers: they share the work, and take over from a writer that stops responding."""

import time

from holdfast.services.api.candidate import Candidate
from tests.integration.conftest import StartWriter
from tests.servers import wait_until
from tests.stream import Stream, change, new_user

APPLIED = 'holdfast_outcomes_total{outcome="Applied"}'
PROGRESS = "holdfast_last_progress_timestamp_seconds"
DUPLICATE = 'holdfast_outcomes_total{outcome="Duplicate"}'


def test_two_writers_share_the_work(stream: Stream, start_writer: StartWriter) -> None:
    """Two writers both apply writes, and together they apply every write once."""
    one, two = (start_writer(name, HOLDFAST_WRITER_BATCH_MAX="20") for name in ("writer-1", "writer-2"))
    users: list[Candidate] = []

    def both_have_applied() -> bool:  # one of them may start late
        users.extend(more := [new_user() for _ in range(200)])
        for at in range(0, len(more), 50):
            stream.accept(more[at : at + 50])
        stream.wait_for_end(more)
        return one.metric(APPLIED) > 0 and two.metric(APPLIED) > 0

    wait_until(both_have_applied, what="both apply")
    wait_until(lambda: one.metric(APPLIED) + two.metric(APPLIED) == len(users), what="both have counted")
    assert one.metric(DUPLICATE) + two.metric(DUPLICATE) == 0


def test_entries_of_a_frozen_writer_are_taken_over(stream: Stream, start_writer: StartWriter) -> None:
    """The entries of a frozen writer are applied in order by its peer, together with later changes, and the thawed
    writer continues without applying them again."""
    frozen = start_writer("writer-frozen", HOLDFAST_WRITER_BLOCK_MS="4000", HOLDFAST_REDIS_TIMEOUT_S="9")
    users = [new_user() for _ in range(20)]
    for _ in range(20):  # the freeze has to interrupt a read, and reads end
        frozen.freeze()
        if stream.somebody_reads():
            break
        frozen.thaw()
        wait_until(stream.somebody_reads, what="it reads")
    stream.accept(users)
    wait_until(lambda: len(stream.pending()) == 20, what="they were delivered to the frozen one")
    peer = start_writer("writer-peer")
    changes = [change(user.entity_id, name="changed") for user in users]
    stream.accept(changes)
    stream.wait_for_end([*users, *changes])
    assert peer.metric("holdfast_reclaimed_entries_total") >= 20
    frozen.thaw()
    thawed_at = time.time()
    wait_until(lambda: frozen.metric(PROGRESS) > thawed_at, what="the thawed writer reads again")
    last = new_user()
    stream.accept([last])
    stream.wait_for_end([last])
    assert len(stream.ended()) == 41
    assert stream.dead() == []
