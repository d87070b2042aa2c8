"""Settle: does to the stream what each outcome means: the entry leaves it, is dead-lettered, or is kept for later.

Nothing is acknowledged before the database has committed, and everything that one entry leaves behind in Redis goes in
one atomic step. If Redis is away, the writer waits for it: the outcomes are already safe in the database.
"""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from itertools import chain
from typing import TypeVar

from redis.asyncio import Redis

from holdfast.services.writer import heartbeat
from holdfast.services.writer.deferred import Deferred
from holdfast.services.writer.halting import Halting
from holdfast.services.writer.kept_back import KeptBack
from holdfast.services.writer.pipeline import Handled
from holdfast.services.writer.releases import Releases
from holdfast.services.writer.unknown import is_unknown
from holdfast.shared.connections.script import Script
from holdfast.shared.letters.dead_letter import describe
from holdfast.shared.queue.asking import AWAY, ask_each
from holdfast.shared.queue.build import build
from holdfast.shared.queue.claims import Change
from holdfast.shared.queue.codec import raw_entity_id, raw_resource
from holdfast.shared.queue.entities import listed, pending_name
from holdfast.shared.queue.names import LUA, WRITERS_GROUP
from holdfast.shared.queue.partitions import ONE, Partition, Partitions, mended
from holdfast.shared.queue.pending import oldest_pending
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.resilience.retry import retry_forever
from holdfast.shared.runtime.timestamps import precise
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.telemetry.tracing import spans
from holdfast.shared.writes import versions
from holdfast.shared.writes.commands import Ref
from holdfast.shared.writes.outcome import Applied, Dead, Duplicate, Failure, Final, Reason, Rejected, Retry, Superseded

T = TypeVar("T")

#: What the partition keeps of a pending write: operation, entity, name of its pending writes, key, claims.
_Kept = tuple[str, str, str, str, Sequence[str | int]]

#: The version of an unknown write: older than every version.
_UNKNOWN = -1

_commit_delays = metrics.commit_delay.tally()


class Settler:
    """Settles the entries of one writer."""

    def __init__(
        self,
        redis: Redis,
        deferred: Deferred,
        halting: Halting,
        deaths: Callable[[list[Handled]], Awaitable[list[Handled]]],
        *,
        writer: str,
        attempts_max: int,
        probe_cap_s: float,
        partitions: Partitions = ONE,
    ) -> None:
        self._redis = redis
        self._partitions = partitions
        self._deferred = deferred
        self._halting = halting
        self._deaths = deaths
        self._writer = writer
        self._attempts_max = attempts_max
        self._probe_cap_s = probe_cap_s
        self._reporter = {step: FailureReporter(step) for step in ("settle", "charge", "defer")}
        self._kept_back = KeptBack(deferred)
        self._script = Script(redis, LUA / "settle.lua")
        self._charge_script = Script(redis, LUA / "charge.lua")
        #: Has to be run; None if there is one partition.
        self.releases = Releases(redis, partitions) if len(partitions) > 1 else None

    async def __call__(self, handled: list[Handled]) -> None:
        """Settle a batch. Returns when Redis has recorded it."""
        handled = self._spare([await self._charged(one) if isinstance(one.outcome, Retry) else one for one in handled])
        handled = await self._deaths(handled)
        leaving = [one for one in handled if not isinstance(one.outcome, Retry)]
        parts = await asyncio.gather(*(self._leave(*part) for part in _by_partition(leaving)))
        left = list(chain.from_iterable(parts))
        for one in left:
            self._deferred.forget(one.entry, one.operation_id)
            _report(one)
        self._kept_back.left(left)
        handled = [*left, *(one for one in handled if isinstance(one.outcome, Retry))]
        for outcome, count in Counter([type(one.outcome) for one in handled]).items():
            metrics.outcomes.labels(outcome.__name__).inc(count)
        await self._defer(handled)

    async def _leave(self, partition: Partition, leaving: list[Handled]) -> list[Handled]:
        """Take entries off the stream of their partition. Return those that have left."""
        keys = [partition.writes, partition.dead, partition.ledger, mended(partition.dead), partition.taken_over]
        arguments: list[str | bytes | int] = [partition.prefix, WRITERS_GROUP]
        for one in leaving:
            kept = self._kept(one)
            keys += _touched(one, kept)
            arguments += self._arguments(one, kept)
        keys = list(dict.fromkeys(keys))  # all claims of one unique field are in one hash
        _, *failed = await self._insist("settle", lambda: self._script(keys, arguments))
        if failed:
            staying = self._kept_back.add(leaving, failed)
            leaving = [one for one in leaving if one.entry.id not in staying]
        if self.releases is not None:
            await self.releases(change for one in leaving for change in _released(one))
        return leaving

    async def _insist(self, name: str, step: Callable[[], Awaitable[T]]) -> T:
        """Repeat a step until Redis answers. A step may run twice without harm, but may charge an attempt twice."""
        return await retry_forever(self._reporter[name], AWAY, step, base_s=0.1, cap_s=self._probe_cap_s)

    def _spare(self, handled: list[Handled]) -> list[Handled]:
        """Return `handled` without the entries that would die, if too many would: these are kept."""
        dying = [
            (one.entry, one.outcome) for one in handled if isinstance(one.outcome, Dead) and not is_unknown(one.outcome)
        ]
        alive = sum([not isinstance(one.outcome, (Dead, Retry)) for one in handled])
        if not self._halting.keeps(dying, alive, min((one.since_s for one in handled), default=math.inf)):
            return handled
        return [one for one in handled if not isinstance(one.outcome, Dead) or is_unknown(one.outcome)]

    async def _charged(self, one: Handled) -> Handled:
        """Record the failed attempt of a Retry that is charged. The last attempt turns the Retry into Dead."""
        match one.outcome:
            case Retry(Failure() as failure):
                return await self._insist("charge", lambda: self._charge(one, failure))
            case _:
                return one

    async def _charge(self, one: Handled, failure: Failure) -> Handled:
        attempt = json.dumps(self._attempt(failure))
        operation = one.operation_id
        partition = one.entry.partition
        keys = [partition.writes, partition.attempts(one.entry.id), partition.taken_over]
        keys += [partition.operation(operation)] if operation else []
        made = int(await self._charge_script(keys, [one.entry.id, attempt, failure.message]))
        if not made:  # another writer has ended the entry
            self._deferred.taken_away([one.entry])
            return one
        logs.warning(
            Action.ATTEMPT_FAILED, entry=one.entry.id, operation_id=operation, attempt=made, error=failure.message
        )
        if made >= self._attempts_max:
            return one._replace(outcome=Dead(Reason.ATTEMPTS_EXHAUSTED, failure))
        self._deferred.for_backoff(one.entry, made)
        return one

    async def _defer(self, handled: list[Handled]) -> None:
        """Keep the writes that wait for others. A write with nothing left to wait for is decided at its next turn."""
        turns = [
            (one.entry, one.delivery.write, one.outcome.waits_for)
            for one in handled
            if one.delivery and isinstance(one.outcome, Retry) and one.outcome.failure is None
        ]
        oldest = await self._oldest({entity for _, _, waits_for in turns for entity in waits_for})
        for entry, write, waits_for in turns:
            metrics.retries.labels("database", "turn").inc()
            self._deferred.for_turn(entry, write, known=_UNKNOWN not in map(oldest.get, waits_for))
            if waits_for and all(oldest.get(entity, write.version) >= write.version for entity in waits_for):
                self._deferred.impatient(write.operation_id)

    async def _oldest(self, entities: Collection[Ref]) -> dict[Ref, int]:
        """Return the version of each entity's oldest pending write. Waiting for a partition that is away would delay
        all other writes, so its versions are _UNKNOWN. The writes that need them ask again at their next turn."""
        parts = self._partitions.split((entity.id, entity) for entity in entities)
        answers = await ask_each(parts, lambda one: oldest_pending(self._redis, parts[one], self._partitions))
        with self._reporter["defer"].suppressing(*AWAY):
            answers.complete()
        unknown = dict.fromkeys(chain.from_iterable(parts[one] for one in answers.away), _UNKNOWN)
        return dict(chain.from_iterable(each.items() for each in (unknown, *answers.of.values())))

    def _arguments(self, one: Handled, kept: _Kept) -> list[str | bytes | int]:
        *about, claims = kept
        match one.outcome:
            case Applied() | Superseded() | Rejected() as final:
                return [one.entry.id, "done", *about, *claims, *_notice(one, final)]
            case Duplicate(redelivered, first, direct):
                action = "done" if redelivered else "late" if direct else "copy"
                return [one.entry.id, action, *about, *claims, *_notice(one, first)]
            case Dead(reason, failure):
                fields = describe(one.entry.id, one.entry.fields, reason, self._attempt(failure))
                flat = [part for field in fields.items() for part in field]
                return [one.entry.id, "dead", *about, *claims, len(flat), *flat]
            case Retry():
                raise AssertionError("a Retry does not leave the stream")

    def _kept(self, one: Handled) -> _Kept:
        if one.delivery:
            write = one.delivery.write
            claims = listed(write.claims if self.releases is None else ())
            return (write.operation_id, write.entity_id, pending_name(write.ref), write.key_hash, claims)
        fields = one.entry.fields
        entity = Ref(raw_resource(fields), raw_entity_id(fields))
        name = pending_name(entity) if entity.resource else ""
        return (one.operation_id, entity.id, name, "", listed(()))

    def _attempt(self, failure: Failure) -> dict[str, str]:
        return {
            "at": precise(),
            "writer": self._writer,
            "build": build(),
            "kind": failure.kind,
            "code": failure.code,
            "error": failure.message,
            "traceback": failure.traceback,
        }


def _touched(one: Handled, kept: _Kept) -> list[str]:
    """Return all keys that settle.lua may touch on behalf of an entry."""
    operation_id, _, pending, key_hash, claims = kept
    partition = one.entry.partition
    keys = partition.kept(operation_id, pending, claims)
    keys.append(partition.attempts(one.entry.id))
    if key_hash:
        keys.append(partition.record(key_hash))
    return keys


def _by_partition(handled: Iterable[Handled]) -> Iterable[tuple[Partition, list[Handled]]]:
    parts: dict[Partition, list[Handled]] = {}
    for one in handled:
        parts.setdefault(one.entry.partition, []).append(one)
    return parts.items()


def _released(one: Handled) -> list[Change]:
    """Return the releases of the values that a write no longer claims. A dead letter keeps its claims for a replay."""
    if one.delivery is None or isinstance(one.outcome, Dead):
        return []
    write = one.delivery.write
    version = max(write.version, versions.from_stream_id(one.entry.id))
    return [Change("release", version, write.entity_id, write.operation_id, value) for value in write.claims]


def _notice(one: Handled, final: Final) -> tuple[str, str]:
    """Return the channel of an api that waits for the outcome, and the outcome; both are empty if no api waits."""
    if one.delivery is None or not one.delivery.write.notify:
        return "", ""
    message: dict[str, object] = {"operation_id": one.operation_id}
    match final:
        case Applied(version) | Superseded(version):
            message |= {"status": final.status, "version": version}
        case Rejected(code, detail):
            message |= {"status": "rejected", "code": code, "detail": detail}
    return one.delivery.write.notify, json.dumps(message)


def _report(one: Handled) -> None:
    """Report one outcome in metrics and, if an operator may want to know it, in the log."""
    match one.outcome:
        case Applied() if one.delivery:
            heartbeat.committed(one.delivery.write)
            delay_s = max(0, versions.wall_clock() - one.delivery.write.version) / 1_000_000
            if exemplar := spans.exemplar(one.delivery.write.traceparent):
                metrics.commit_delay.observe(delay_s, exemplar)
            else:
                _commit_delays.add(delay_s)
        case Rejected(code):
            logs.info(Action.WRITE_REJECTED, operation_id=one.operation_id, code=code)
        case Dead(reason, failure):
            metrics.dead_letters.labels(reason.value).inc()
            logs.error(
                Action.WRITE_DEAD_LETTERED,
                entry=one.entry.id,
                operation_id=one.operation_id,
                reason=reason.value,
                error=failure.message,
            )
        case _:
            pass
