"""A queue in several partitions: what holds across them, on a real Redis."""

import asyncio
import itertools
import uuid
from dataclasses import replace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from holdfast.services.api.accept import Answer
from holdfast.services.api.backlog import Backlog
from holdfast.services.api.candidate import Candidate
from holdfast.services.api.key_handover import KeyHandover
from holdfast.services.dlq_admin import process
from holdfast.services.dlq_admin.auditor.sweeper import Sweeper
from holdfast.services.dlq_admin.replays.sender import Sender
from holdfast.services.writer.deferred import Deferred
from holdfast.services.writer.pipeline import Handled
from holdfast.services.writer.releases import Releases
from holdfast.services.writer.settle import Settler
from holdfast.shared.connections.redis import connect, entries
from holdfast.shared.connections.script import NotSent
from holdfast.shared.errors import DatabaseUnavailable, QueueUnavailable
from holdfast.shared.letters.ids import number_of, stream_of
from holdfast.shared.queue.agreement import PartitionsDiffer, StillWaiting, agree, change
from holdfast.shared.queue.backlog import backlog, backlog_of_those_that_answer
from holdfast.shared.queue.codec import decode
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.groups import ensure_groups
from holdfast.shared.queue.memory import MemoryReader
from holdfast.shared.queue.names import PARTITIONS
from holdfast.shared.queue.partitions import ONE, Partition, Partitions
from holdfast.shared.queue.pending import anywhere, pending_operation, pending_writes
from holdfast.shared.queue.plausible import Plausible
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.store.direct_keys import DirectKey
from holdfast.shared.writes import versions
from holdfast.shared.writes.commands import Ref, Write
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Applied, Dead, Failure, Outcome, Reason, Retry
from tests import accepting
from tests.integration import partitioned
from tests.integration.partitioned import FOUR
from tests.servers import PATIENT_REDIS, START_DEADLINE_S, RedisServer, free_port
from tests.stream import new_user, undisputed
from tests.users import update_user

_DEAD = Dead(Reason.INVALID_DATA, Failure("BadData", "BAD_DATA", "refused"))


class _NeverHalts:
    def keeps(self, *_: object) -> bool:
        """Return False: this writer never halts."""
        return False


async def _settle(redis: Redis, candidate: Candidate, outcome: Outcome) -> None:
    """Settle the candidate's entry with this outcome, as a writer that reads all entries of its partition."""
    partition = FOUR.of(candidate.entity_id)
    halting: Any = _NeverHalts()
    settler = Settler(
        redis,
        Deferred(1, base_s=1, cap_s=1),
        halting,
        undisputed,
        writer="me",
        attempts_max=5,
        probe_cap_s=1,
        partitions=FOUR,
    )
    for entry_id, fields in entries(await redis.xrange(partition.writes)):
        if fields.get(b"operation_id") == candidate.operation_id.encode():
            entry = Entry(entry_id, fields, partition)
            await settler([Handled(entry, Delivery(decode(fields, entry_id), entry_id), outcome)])


async def test_entries_and_letters_tell_their_partition(queue: Redis) -> None:
    """Each write and each dead letter is in the partition of its entity, with an id that occurs in no other stream, and
    can be found in that partition."""
    acceptor, candidates = partitioned.acceptor(queue), [new_user() for _ in range(40)]
    answers = await asyncio.gather(*map(acceptor.accept, candidates))
    for candidate, answer in zip(candidates, answers, strict=True):
        partition = FOUR.of(candidate.entity_id)
        assert answer.version % 4 == partition.number
        assert await queue.xrange(partition.writes, versions.to_stream_id(answer.version), count=1)
    seen = await backlog(queue, FOUR)
    assert (seen.depth, len({answer.version for answer in answers})) == (40, 40)
    refs = [Ref("users", candidate.entity_id) for candidate in candidates]
    pending: Any = await pending_writes(queue, refs, FOUR)
    assert all(len(pending[ref].writes) == 1 for ref in refs)

    async def at(partition: Partition, operation_id: str) -> Any:
        return await pending_operation(queue, operation_id, partition)

    assert all([await anywhere(FOUR, at, candidate.operation_id) for candidate in candidates])
    for candidate in candidates:
        await _settle(queue, candidate, _DEAD)
    letters = {
        partition.number: [number_of(each) for each, _ in entries(await queue.xrange(partition.dead))]
        for partition in FOUR
    }
    assert {stream_of(number) - 400 for number in letters[3]} == {3}
    assert len({number for each in letters.values() for number in each}) == 40


@pytest.mark.parametrize("outcome", [Applied(1), _DEAD])
async def test_a_value_has_one_claim_at_a_time(queue: Redis, outcome: Outcome) -> None:
    """Of concurrent claims of one value from any partitions exactly one succeeds. A dead letter keeps its claim; after
    any other end, the next write with the value has a newer version."""
    acceptor = partitioned.acceptor(queue)
    rivals = [new_user(email="wanted@example.com") for _ in range(12)]
    answers = await asyncio.gather(*map(acceptor.accept, rivals))
    [first] = [answer for answer in answers if answer.result == "accepted"]
    assert {answer.result for answer in answers} == {"accepted", "taken"}
    await _settle(queue, next(each for each in rivals if each.operation_id == first.operation_id), outcome)
    again: list[Answer] = await asyncio.gather(
        *(partitioned.acceptor(queue).accept(new_user(email="wanted@example.com")) for _ in range(12))
    )
    accepted = [answer for answer in again if answer.result == "accepted"]
    assert len(accepted) == (0 if isinstance(outcome, Dead) else 1)
    assert all(answer.version > first.version for answer in accepted)


async def test_a_later_write_is_newer_wherever_the_clock_is(queue: Redis) -> None:
    """When one partition's clock is a minute ahead, a write that claims a value released there gets a newer version,
    even in a process that has not seen that clock."""
    one = new_user(email="moved@example.com")
    ahead = versions.wall_clock() + 60_000_000
    await queue.set(FOUR.of(one.entity_id).clock, ahead)
    assert (await partitioned.acceptor(queue).accept(one)).version > ahead
    await _settle(queue, one, Applied(1))
    others = [new_user(email="moved@example.com") for _ in range(30)]
    other = next(each for each in others if FOUR.of(each.entity_id) != FOUR.of(one.entity_id))
    assert (await partitioned.acceptor(queue).accept(other)).version > ahead


async def test_the_sweeper_takes_only_what_no_write_holds(queue: Redis) -> None:
    """The sweeper keeps claims within their lease, and claims of a pending write or of a dead letter. It removes the
    claims of ended operations whose release never arrived, and of accepts that never completed."""
    database: Any = partitioned.Known()
    sweeper = Sweeper(queue, database, FOUR)
    acceptor = partitioned.acceptor(queue)
    pending, dead, ended, never = (new_user(email=f"{name}@example.com") for name in ("a", "b", "c", "d"))
    for candidate in (pending, dead, ended, never):
        await acceptor.accept(candidate)
    database.dead, database.ended = {dead.operation_id}, {ended.operation_id: versions.wall_clock() + 10**9}
    for candidate in (dead, ended, never):
        await queue.delete(FOUR.of(candidate.entity_id).operation(candidate.operation_id))
    await sweeper.sweep()
    assert await partitioned.holders(queue) == {each.operation_id for each in (pending, dead, ended, never)}
    await partitioned.age(queue)
    await sweeper.sweep()
    assert await partitioned.holders(queue) == {pending.operation_id, dead.operation_id}
    answer = await partitioned.acceptor(queue).accept(new_user(email="c@example.com"))
    assert answer.version > database.ended[ended.operation_id]


async def test_a_refused_write_claims_nothing(queue: Redis) -> None:
    """A write that is refused because its entity has too many pending writes releases the value that it had claimed."""
    acceptor, entity = partitioned.acceptor(queue), new_user()
    while (await acceptor.accept(replace(new_user(), entity_id=entity.entity_id))).result == "accepted":
        pass
    last = replace(new_user(email="free@example.com"), entity_id=entity.entity_id)
    assert (await acceptor.accept(last)).result == "backlog"
    assert (await acceptor.accept(new_user(email="free@example.com"))).result == "accepted"


async def test_a_request_releases_only_what_it_claimed_itself(queue: Redis) -> None:
    """When two requests with one operation claim a value, the release of the first request leaves the claim to the
    second."""
    claims, value = partitioned.claiming(queue), ("emails", "one@example.com")
    first = await claims.claim([value], "entity", "operation")
    second = await claims.claim([value], "entity", "operation")
    assert (first.taken, second.taken) == (None, None)
    assert not second.undo, "it claimed the value for the other request, too"
    await claims.release(first.undo)
    assert await partitioned.holders(queue) == {"operation"}


async def test_what_a_request_claimed_alone_is_released(queue: Redis) -> None:
    """A request releases its own claims in all partitions, both when one value is taken and when it undoes its
    claims."""
    claims, values = partitioned.claiming(queue), [("emails", f"{number}@example.com") for number in range(8)]
    await claims.claim(values[3:4], "other", "theirs")
    refused = await claims.claim(values, "entity", "operation")
    assert (refused.taken, await partitioned.holders(queue)) == (values[3], {"theirs"})
    made = await claims.claim(values[4:], "entity", "operation")
    await claims.release(made.undo)
    assert await partitioned.holders(queue) == {"theirs"}


async def test_a_value_that_cannot_be_released_keeps_nobody_waiting(queue: Redis) -> None:
    """When one partition refuses the release of its values, those of other partitions are released at once, and the
    rest when the partition accepts commands again."""
    claimed = await partitioned.claiming(queue).claim(
        [("emails", f"{number}@example.com") for number in range(8)], "entity", "op"
    )
    of = {name for name, _, _ in await partitioned.claims(queue)}
    assert len(of) > 1
    away = min(of)
    await queue.rename(away, "aside")
    await queue.set(away, "of another type")
    releases = Releases(queue, FOUR)
    await releases(claimed.undo)
    assert not any([await queue.exists(name) for name in of - {away}])
    await queue.rename("aside", away)
    await releases.again()
    assert await partitioned.holders(queue) == set()


async def test_the_backlog_is_of_the_partitions_that_answer(queue: Redis) -> None:
    """The backlog covers the partitions that answer and reports the error of each other one; if none answers, it raises
    an error."""
    for partition in FOUR:
        await queue.xadd(partition.writes, {"x": "1"})
    away = [FOUR[1], FOUR[3]]
    for partition in away:
        await queue.set(partition.writes, "of another type")
    seen, failed = await backlog_of_those_that_answer(queue, FOUR)
    assert (seen.depth, set(failed)) == (2, {1, 3})
    with pytest.raises(ResponseError):
        await backlog_of_those_that_answer(queue, away)


async def test_a_write_that_waits_for_a_partition_that_is_away_keeps_nobody_waiting(
    queue: Redis, clean_redis: RedisServer
) -> None:
    """A write that waits for an entity in a partition that is away is deferred without using up its patience. When the
    partition answers that nothing is pending, the patience ends."""
    ids = (str(uuid.uuid4()) for _ in itertools.count())
    entity = Ref("users", next(each for each in ids if FOUR.of(each) is FOUR[1]))
    others = [f"~{each.prefix}*" for each in FOUR if each is not FOUR[1]]
    await queue.execute_command("ACL", "SETUSER", "half", "on", ">half", "&*", "+@all", *others)
    half = connect(f"redis://half:half@{clean_redis.address}", PATIENT_REDIS)
    write = Write("operation", next(ids), update_user(name="x"), 7)
    entry = Entry("1-0", {}, FOUR[0])
    deferred = Deferred(600, base_s=1, cap_s=1)
    halting: Any = _NeverHalts()
    settler = Settler(half, deferred, halting, undisputed, writer="me", attempts_max=5, probe_cap_s=1, partitions=FOUR)
    deferred.impatient("operation")
    waits = Handled(entry, Delivery(write, "1-0"), Retry(waits_for=(entity,)))
    try:
        await asyncio.wait_for(settler([waits]), 60)
        assert (deferred.held(), deferred.patient(write)) == (["1-0"], True)
        await queue.execute_command("ACL", "SETUSER", "half", "allkeys")
        await settler([waits])
        assert (deferred.held(), deferred.patient(write)) == (["1-0"], False)
    finally:
        await half.aclose()
        await queue.execute_command("ACL", "DELUSER", "half")


async def test_entries_that_are_moved_keep_their_partition(queue: Redis) -> None:
    """Entries with ids far in the future, added by hand, are moved to ids that still identify their partition, as do
    the numbers of later dead letters."""
    for partition in FOUR:
        fields: Any = {"x": "1"}
        for sequence in range(3):
            await queue.xadd(partition.writes, fields, id=f"9007199254740-{sequence}")
            await queue.xadd(partition.dead, fields, id=f"9007199254740-{sequence}")
        entry = Entry("9007199254740-0", {}, partition)
        assert await Plausible(queue).of([entry]) == []
        moved = [entry_id for entry_id, _ in entries(await queue.xrange(partition.writes))]
        assert [versions.from_stream_id(each) % 4 for each in moved] == [partition.number] * 3
    candidates = [new_user() for _ in range(40)]
    await asyncio.gather(*map(partitioned.acceptor(queue).accept, candidates))
    for candidate in candidates:
        await _settle(queue, candidate, _DEAD)
    numbers = set()
    for partition in FOUR:
        letters = [number_of(each) for each, _ in entries(await queue.xrange(partition.dead))]
        assert {stream_of(number) - 400 for number in letters} == {partition.number}
        numbers.update(letters)
    assert len(numbers) == 40 + 4 * 3


async def test_a_number_changes_by_the_change_alone(queue: Redis) -> None:
    """A queue that is used keeps its number of partitions, also while it is empty, whatever numbers services start
    with. The refusal names both numbers and the command. An unused queue takes any number; one partition that was used
    before numbers were recorded counts."""
    for partitions in (ONE, Partitions(2)):
        with pytest.raises(PartitionsDiffer, match=r"PARTITIONS is \d, but the queue is used in 4: .* partitions \d"):
            await agree(queue, len(partitions))
    await change(queue, 2, 0)
    await agree(queue, 2)
    with pytest.raises(PartitionsDiffer):
        await agree(queue, 4)
    await queue.flushall()
    await agree(queue, 8)
    await queue.flushall()
    await queue.eval("return redis.call('XGROUP', 'CREATE', KEYS[1], 'writers', '0', 'MKSTREAM')", 1, ONE[0].writes)
    with pytest.raises(PartitionsDiffer):
        await agree(queue, 8)


async def test_it_does_not_change_while_entries_wait(queue: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an entry waits, the change takes no effect. Afterwards the partitions take writes without the database,
    which may be what the entry waits for. Writers may empty the partitions during a change, and then it takes
    effect."""

    async def is_away(_: object) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr(accepting.EmptyDatabase, "read", is_away)
    candidates, ahead = [new_user(), new_user()], versions.wall_clock() + 3_600_000_000
    for partition in FOUR:
        await queue.set(partition.clock, ahead)
    await partitioned.acceptor(queue).accept(candidates[0])
    with pytest.raises(StillWaiting, match="1 entries wait in 4 partitions"):
        await change(queue, 1, 0)
    answer = await partitioned.acceptor(queue).accept(candidates[1])
    assert (answer.result, answer.version > ahead) == ("accepted", True)
    changing = asyncio.create_task(change(queue, 1, START_DEADLINE_S))
    for candidate in candidates:
        await _settle(queue, candidate, Applied(1))
    await changing
    await agree(queue, 1)


async def test_the_command_needs_the_database(
    queue: Redis, clean_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command closes nothing while the database is away, because apis could not apply writes."""
    monkeypatch.setenv("REDIS_ADDR", clean_redis.address)
    monkeypatch.setenv("DB_DSN", f"holdfast:none@tcp(127.0.0.1:{free_port()})/holdfast")
    assert await asyncio.to_thread(process.partitions, "1") == 2
    await agree(queue, 4)
    assert (await partitioned.acceptor(queue).accept(new_user())).result == "accepted"


async def test_partitions_of_the_number_before_take_no_writes(queue: Redis) -> None:
    """An api that still uses the number of partitions before queues nothing once the number has changed, because no
    writer would read it; it does again when its number is in force again. Nor does an api that started with a wrong
    number while the queue was away."""
    api, wrong = partitioned.acceptor(queue), accepting.acceptor(queue, partition=Partitions(2)[0])
    first = new_user()
    assert (await api.accept(first)).result == "accepted"
    await _settle(queue, first, Applied(1))
    await change(queue, 1, 0)
    for candidate in (new_user() for _ in range(8)):
        for each in (api, wrong):
            with pytest.raises(QueueUnavailable):
                await each.accept(candidate)
    assert [await queue.xlen(partition.writes) for partition in (*FOUR, Partitions(2)[0])] == [0] * 5
    assert await partitioned.claims(queue) == []
    for partition in FOUR:
        await queue.set(partition.keys_since, 0)
    await change(queue, 4, 0)
    again = await api.accept(replace(new_user(), key_hash="a" * 64, body_hash="b" * 64))
    assert (again.result, again.unsure) == ("accepted", True), "another number of partitions may know the key"


async def test_a_wrong_number_is_neither_told_keys_nor_looked_at(queue: Redis) -> None:
    """A process that started with a wrong number of partitions while the queue was away, and has not ended yet, hands
    over no Idempotency-Key, because the right partitions would not learn it; nor does it take the queue for emptied."""
    wrong, database = Partitions(2), AsyncMock()
    breakers = [Breaker("queue") for _ in wrong]
    key = DirectKey("a" * 64, "b" * 64, "operation", "users", "entity", 7)
    handover = KeyHandover(queue, breakers, database, versions.Clock(), 60, None, wrong)
    with pytest.raises(NotSent):
        await handover.tell([key])
    with pytest.raises(NotSent):
        await MemoryReader(queue, partitions=wrong).read(look=1)


async def test_the_number_changes_in_a_full_queue(queue: Redis) -> None:
    """In a Redis without free memory, the number changes too, and services start with it."""
    await queue.config_set("maxmemory", 1)
    try:
        await change(queue, 1, 0)
        await ensure_groups(queue, ONE)
        assert await queue.get(PARTITIONS) == b"1"
    finally:
        await queue.config_set("maxmemory", 0)


async def test_a_partition_may_close_while_an_api_reads_the_floor(
    queue: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write whose partition has lost its clock, and is closed while the api asks the database for the newest version,
    is refused at once, as certainly not queued."""

    async def read(_: object) -> None:
        await change(queue, 1, 0)

    monkeypatch.setattr(accepting.EmptyDatabase, "read", read)
    async with asyncio.timeout(START_DEADLINE_S):
        with pytest.raises(QueueUnavailable):
            await partitioned.acceptor(queue).accept(new_user())


async def test_a_direct_write_comes_after_all_that_is_queued(queue: Redis) -> None:
    """An api that has queued nothing itself gives direct writes versions above those of all writes on the queue, also
    if the clock of one partition's server was ahead when it accepted them."""
    user, clock = new_user(), versions.Clock()
    await queue.set(FOUR.of(user.entity_id).clock, versions.wall_clock() + 3_600_000_000)
    queued = await partitioned.acceptor(queue).accept(user)
    looks = Backlog(queue, clock, partitioned.breakers().queue, depth_max=9, wait_max_s=9, partitions=FOUR)
    looking = asyncio.create_task(looks.run())
    async with asyncio.timeout(START_DEADLINE_S):
        while not clock.seen:
            await asyncio.sleep(0.01)
    looking.cancel()
    assert clock.next() > queued.version


async def test_a_closed_replay_sends_nothing_anywhere(queue: Redis) -> None:
    """Closing a replay marks it as closed in every partition, and forgetting the replay keeps only this mark."""
    sender = Sender(queue, partitions=FOUR)
    await sender.close(7)
    assert [await queue.hexists(partition.replay(7), "closed") for partition in FOUR] == [True] * 4
    await sender.forget(7)
    assert [await queue.hlen(partition.replay(7)) for partition in FOUR] == [1] * 4
