"""Write: takes a command to its answer, on the one path that POST, PUT, PATCH and DELETE share."""

import asyncio
import contextlib
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from holdfast.services.api import headers
from holdfast.services.api.accept import Answer
from holdfast.services.api.accept_parts import Accepting
from holdfast.services.api.backlog import Backlog
from holdfast.services.api.candidate import Candidate
from holdfast.services.api.database import Database
from holdfast.services.api.described import describe
from holdfast.services.api.direct import DirectPath
from holdfast.services.api.idempotency import KeyIds, body_hash
from holdfast.services.api.key_handover import AWAY, KeyHandover
from holdfast.services.api.rejections import error_of
from holdfast.services.api.shed import step_out
from holdfast.services.api.view import View
from holdfast.services.api.wait import Waiters, while_connected
from holdfast.services.api.writers_know import WritersKnow
from holdfast.shared.domain.errors import EntityBacklog, ValueTaken
from holdfast.shared.errors import (
    AcceptanceUnknown,
    AppError,
    KeyReused,
    QueueUnavailable,
    RequestInProgress,
    WriteBacklog,
)
from holdfast.shared.http.asked import combined
from holdfast.shared.http.envelope import success
from holdfast.shared.http.etag import etag
from holdfast.shared.http.propagated import traceparent
from holdfast.shared.resilience import deadline
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.time_budgets import ANSWER_RESERVE_S
from holdfast.shared.runtime.timestamps import precise
from holdfast.shared.store import reads
from holdfast.shared.store.direct_keys import DirectKey
from holdfast.shared.telemetry.decisions import decided, note
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.writes import versions
from holdfast.shared.writes.commands import Command, Create, Delete, Ref
from holdfast.shared.writes.merge import Entity
from holdfast.shared.writes.outcome import Applied, Final, Rejected

#: A client that writes this much to one entity is asked to wait for longer than a busy moment lasts.
_BACKLOG_RETRY_AFTER_S = 5

_TELLING = FailureReporter("key_told")


@dataclass(frozen=True, slots=True)
class WritePath:
    """The path of a write, with all that it needs. Created once."""

    writers_know: WritersKnow
    acceptor: Accepting
    waiters: Waiters
    view: View
    database: Database
    direct: DirectPath
    backlog: Backlog
    key_ids: KeyIds
    handover: KeyHandover
    wait_max_s: float

    async def take(self, request: Request, command: Command, entity_id: str | None) -> Response:
        """Accept the command and answer. `entity_id`: None for a new entity. Raises an AppError for a refusal."""
        sent = combined(request.scope)
        wait_s = headers.wait_s(sent, self.wait_max_s)
        if_match, if_none_match = headers.versions_wanted(request, new=entity_id is None)
        expire_ms = headers.expire_ms(sent)
        raw_key = sent.get(b"idempotency-key")
        asked = body_hash(command, _wanted(if_match, if_none_match, expire_ms)) if raw_key is not None else ""
        key = self.key_ids.of(request, raw_key, asked)
        entity_id = entity_id or (key.entity_id if key else headers.new_id())
        if (retry_after_s := self.backlog.refusal_s(entity_id)) is not None:
            decided(Action.WRITES_HELD_BACK, retry_after_s=retry_after_s, **self.backlog.numbers(entity_id))
            raise WriteBacklog(retry_after_s=retry_after_s)
        candidate = Candidate(
            operation_id=key.operation_id if key else headers.new_id(),
            entity_id=entity_id,
            command=command,
            key_hash=key.key_hash if key else "",
            body_hash=key.body_hash if key else "",
            busy_ms=str(int(wait_s * 1000)) if key and wait_s else "",
            if_match=if_match,
            if_none_match=if_none_match,
            request_id=request.scope["request_id"],
            traceparent=traceparent(sent.get(b"traceparent", b"")),
            notify=self.waiters.channel if wait_s else "",
            expires_at=str(versions.wall_clock() + int(expire_ms) * 1000) if expire_ms else "",
        )
        request.scope["overdue_details"] = {"operation_id": candidate.operation_id}
        try:
            self.writers_know.check(command)
            answer = await self.acceptor.accept(candidate)
        except (QueueUnavailable, AcceptanceUnknown) as refused:
            self.handover.doubt()
            request.scope["degraded"] = True
            decided(
                Action.WRITE_NOT_TAKEN,
                code=refused.code,
                definite=refused.definite,
                operation_id=candidate.operation_id,
            )
            answer, outcome = await self.direct.apply(candidate, refused)
            note(Action.WRITE_DIRECT, **_numbers(answer))
            return await self._done(request, command, answer, outcome, way="direct")
        note(Action.WRITE_ANSWERED, **_numbers(answer), entry_id=_entry_id(answer))
        if _doubtful(answer, keyed=key is not None, sure=self.handover.sure):
            answer = await self._known_before(answer, candidate)
        if refusal := _refusal(answer, command):
            raise refusal
        if wait_s:
            step_out(request)
            ended = await self._answer_when_over(request, command, answer, candidate, wait_s)
            if ended is not None:
                return ended
        return _queued(request, answer, command, waited=bool(wait_s))

    async def _known_before(self, answer: Answer, candidate: Candidate) -> Answer:
        """Return `answer`, corrected by what the operations row knows, which the queue then learns. The queue does not
        know what a key was used for if it never saw the key (a direct write), has lost it, or the operation ended long
        ago; nor does it know our own first attempt once that has ended. Raises KeyReused, or AcceptanceUnknown if a
        refusal stays in doubt."""
        try:
            first = await self.database.call(reads.first_of_key, candidate.operation_id)
        except AppError as error:
            # The transaction that applies an accepted write checks this again, but a refusal would be final.
            if answer.result == "accepted" or (answer.result == "reused" and not answer.unsure):
                return answer
            raise AcceptanceUnknown(details={"operation_id": answer.operation_id}) from error
        if first is None or (answer.result == "accepted" and first.version >= answer.version):
            return answer
        if not candidate.key_hash:
            return answer._replace(version=first.version)
        about = (first.operation_id, first.resource, first.entity_id, first.version)
        known = DirectKey(candidate.key_hash, first.body_hash or "", *about)
        with _TELLING.suppressing(*AWAY):
            await self.handover.tell([known])
        if first.operation_id != candidate.operation_id:
            raise KeyReused(details={"operation_id": first.operation_id})
        return Answer("repeated", first.operation_id, first.entity_id, first.version)

    async def _answer_when_over(
        self, request: Request, command: Command, answer: Answer, candidate: Candidate, wait_s: float
    ) -> Response | None:
        wait_s = max(0.0, min(wait_s, deadline.remaining_s() - ANSWER_RESERVE_S))
        begun = answer.result == "repeated"
        waiting = self.waiters.ended(answer.operation_id, wait_s, answer.entity_id, begun=begun)
        # Only a request with a key keeps other requests waiting, so only it has to notice that its client hung up.
        over = await (while_connected(request, waiting) if candidate.busy_ms else waiting)
        note(Action.WRITE_WAITED_FOR, over=bool(over), at_most_s=wait_s)
        if candidate.busy_ms:
            with contextlib.suppress(TimeoutError):  # the answer does not wait: the mark also expires on its own
                async with asyncio.timeout(deadline.remaining_s() - ANSWER_RESERVE_S / 2):
                    await self.acceptor.forget_busy(candidate)
        if over is None:
            raise ClientDisconnect
        try:
            ended = await self.database.call(reads.ended_operation, answer.operation_id) if over else None
        except AppError:  # an error of this read says nothing about the write
            return None
        if ended is None:
            return None
        return await self._done(request, command, answer, ended.outcome, way="queue")

    async def _done(self, request: Request, command: Command, answer: Answer, outcome: Final, *, way: str) -> Response:
        """Return the answer to a write that has ended. `way`: `queue` or `direct`, by which the write reached the
        database. Raises the error of a rejection."""
        if isinstance(outcome, Rejected):
            raise error_of(outcome, answer.operation_id, command.resource, command.values)
        data = {"id": answer.entity_id, "operation_id": answer.operation_id, "status": outcome.status}
        all_headers = _headers(answer) | ({"Preference-Applied": "wait"} if way == "queue" else {})
        if not isinstance(command, Delete) and (entity := await self._as_it_is(_ref(command, answer))):
            data |= describe(entity)
            all_headers["ETag"] = etag(entity.version)
        created = isinstance(command, Create) and isinstance(outcome, Applied)
        if created:
            all_headers["Location"] = _path(command, answer)
        return success(request, data, status=201 if created else 200, meta={"way": way}, headers=all_headers)

    async def _as_it_is(self, entity: Ref) -> Entity | None:
        try:
            found = (await self.view.entity(entity)).entities
        except AppError:  # an error of this read says nothing about the write
            return None
        return found[0] if found else None


def _doubtful(answer: Answer, *, keyed: bool, sure: bool) -> bool:
    """Return whether the operations row may know more of the operation or its key than the queue does."""
    if answer.result == "accepted":
        return answer.unsure or (keyed and not sure)
    return keyed and answer.result in ("taken", "reused")


def _refusal(answer: Answer, command: Command) -> AppError | None:
    """Return the error of a refusal, or None if the write was accepted, now or before."""
    resource, details = command.resource, {"operation_id": answer.operation_id}
    match answer.result:
        case "taken":
            claiming = [field for field in resource.unique if command.values.get(field.name) is not None]
            field = claiming[answer.claim]
            return ValueTaken(field, command.values[field.name])
        case "reused":
            return KeyReused(details=details)
        case "busy":
            return RequestInProgress(details=details)
        case "backlog":
            return EntityBacklog(resource, details=details, retry_after_s=_BACKLOG_RETRY_AFTER_S)
        case _:
            return None


def _ref(command: Command, answer: Answer) -> Ref:
    return Ref(command.resource.plural, answer.entity_id)


def _path(command: Command, answer: Answer) -> str:
    """Return the path of the entity."""
    return f"/{command.resource.plural}/{answer.entity_id}"


def _queued(request: Request, answer: Answer, command: Command, *, waited: bool) -> Response:
    data = {"id": answer.entity_id, "operation_id": answer.operation_id, "status": "queued"}
    meta = {
        "accepted_at": precise(versions.to_datetime(answer.version)),
        "version": answer.version,
        "operation": f"/operations/{answer.operation_id}",
        command.resource.singular: _path(command, answer),
    }
    all_headers = {"Location": f"/operations/{answer.operation_id}", "Retry-After": "1", **_headers(answer)}
    if waited:
        all_headers["Preference-Applied"] = "wait"
    return success(request, data, status=202, meta=meta, headers=all_headers)


def _numbers(answer: Answer) -> dict[str, object]:
    """Return the answer's fields for the explanation."""
    return {
        "result": answer.result,
        "operation_id": answer.operation_id,
        "entity_id": answer.entity_id,
        "version": answer.version or None,
    }


def _entry_id(answer: Answer) -> str | None:
    return versions.to_stream_id(answer.version) if answer.version else None


def _headers(answer: Answer) -> dict[str, str]:
    return {"Idempotent-Replayed": "true"} if answer.result == "repeated" else {}


def _wanted(if_match: str, if_none_match: str, expire_ms: str) -> str:
    """Return what distinguishes requests with the same body: the conditions and the time limit of the write."""
    return f"{if_match or None} {expire_ms}" + (f" {if_none_match}" if if_none_match else "")
