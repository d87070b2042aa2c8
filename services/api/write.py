"""Write: the one path that POST, PUT, PATCH and DELETE share, from command to answer."""

from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.api import headers
from holdfast.services.api.accept import Acceptor, Answer, Candidate
from holdfast.services.api.backlog import Backlog
from holdfast.services.api.database import Database
from holdfast.services.api.direct import DirectPath
from holdfast.services.api.idempotency import Idempotency, KeyIds, body_hash
from holdfast.services.api.key_handover import AWAY, KeyHandover
from holdfast.services.api.rejections import error_of
from holdfast.services.api.shed import step_out
from holdfast.services.api.view import View, describe_user
from holdfast.services.api.wait import Waiters
from holdfast.shared.errors import (
    AcceptanceUnknown,
    AppError,
    EmailTaken,
    KeyReused,
    QueueUnavailable,
    RequestInProgress,
    UserBacklog,
    WriteBacklog,
)
from holdfast.shared.http.envelope import precise, success
from holdfast.shared.http.etag import etag
from holdfast.shared.http.propagated import traceparent
from holdfast.shared.queue.names import KEY
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.store import reads
from holdfast.shared.store.direct_keys import DirectKey
from holdfast.shared.telemetry.decisions import decided, note
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.writes import versions
from holdfast.shared.writes.commands import email_key
from holdfast.shared.writes.merge import User
from holdfast.shared.writes.outcome import Applied, Final, Rejected

_REFUSALS: dict[str, type[AppError]] = {
    "email_taken": EmailTaken,
    "reused": KeyReused,
    "busy": RequestInProgress,
    "user_backlog": UserBacklog,
}

#: Seconds. Who writes so much to one user is asked to wait for longer than a busy moment lasts.
_RETRY_AFTER_S = {"user_backlog": 5}


_TELLING = FailureReporter("key_told")


@dataclass(frozen=True, slots=True)
class WritePath:
    """What the path needs; made once."""

    acceptor: Acceptor
    waiters: Waiters
    view: View
    database: Database
    direct: DirectPath
    backlog: Backlog
    key_ids: KeyIds
    handover: KeyHandover
    wait_max_s: float

    async def take(self, request: Request, command: str, payload: dict[str, str], user_id: str | None) -> Response:
        """Accept the command and answer; `user_id` None: a new user. Raises an AppError for a refusal."""
        sent = headers.of(request)
        wait_s = headers.wait_s(sent, self.wait_max_s)
        if_match, if_none_match = headers.versions_wanted(request, new=user_id is None)
        expire_ms = headers.expire_ms(sent)
        raw_key = sent.get(b"idempotency-key")
        asked = body_hash(command, payload, _wanted(if_match, if_none_match, expire_ms)) if raw_key is not None else ""
        key = self.key_ids.of(request, raw_key, asked)
        if (retry_after_s := self.backlog.refusal_s()) is not None:
            decided(Action.WRITES_HELD_BACK, retry_after_s=retry_after_s, **self.backlog.numbers())
            raise WriteBacklog(retry_after_s=retry_after_s)
        candidate = Candidate(
            operation_id=key.operation_id if key else headers.new_id(),
            user_id=user_id or (key.user_id if key else headers.new_id()),
            command=command,
            payload=orjson.dumps(payload),
            email_key=email_key(payload["email"]) if "email" in payload else "",
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
            answer = await self.acceptor.accept(candidate)
        except (QueueUnavailable, AcceptanceUnknown) as refused:
            self.handover.doubt()
            request.scope["degraded"] = True
            decided(
                Action.WRITE_NOT_TAKEN,
                code=refused.code, definite=refused.definite, operation_id=candidate.operation_id,
            )  # fmt: skip
            answer, outcome = await self.direct.apply(candidate, refused)
            note(Action.WRITE_DIRECT, **_numbers(answer))
            return await self._done(command, answer, outcome, way="direct")
        note(Action.WRITE_ANSWERED, **_numbers(answer), entry_id=_entry_id(answer))
        if key and _doubtful(answer, sure=self.handover.sure):
            answer = await self._known_before(answer, key)
        if refusal := _REFUSALS.get(answer.result):
            raise refusal(details=_why(answer, payload), retry_after_s=_RETRY_AFTER_S.get(answer.result))
        if wait_s:
            step_out(request)
            ended = await self._answer_when_over(command, answer, candidate, wait_s)
            if ended is not None:
                return ended
        return _queued(request, answer, waited=bool(wait_s))

    async def _known_before(self, answer: Answer, key: Idempotency) -> Answer:
        """The queue forgets keys that it never saw (a direct write) or has lost. Then the operations row tells what the
        key was used for, and the queue learns it. Raises KeyReused; AcceptanceUnknown when a refusal stays in doubt."""
        try:
            first = await self.database.call(reads.first_of_key, key.operation_id)
        except AppError as error:
            if answer.result != "email_taken":
                return answer  # whoever applies it looks again
            raise AcceptanceUnknown(details={"operation_id": answer.operation_id}) from error
        if first is None or (answer.result == "accepted" and first.version >= answer.version):
            return answer
        known = DirectKey(key.key_hash, first.body_hash or "", first.operation_id, first.user_id, first.version)
        with _TELLING.suppressing(*AWAY):
            await self.handover.tell([known])
        if first.operation_id != key.operation_id:
            raise KeyReused(details={"operation_id": first.operation_id})
        return Answer("repeated", first.operation_id, first.user_id, first.version)

    async def _answer_when_over(
        self, command: str, answer: Answer, candidate: Candidate, wait_s: float
    ) -> Response | None:
        over = await self.waiters.ended(answer.operation_id, wait_s)
        note(Action.WRITE_WAITED_FOR, over=over, at_most_s=wait_s)
        if candidate.busy_ms:
            await self.acceptor.forget_busy(KEY + candidate.key_hash)
        try:
            ended = await self.database.call(reads.ended_operation, answer.operation_id) if over else None
        except AppError:  # of the look; it says nothing about the write
            return None
        if ended is None:
            return None
        return await self._done(command, answer, ended.outcome, way="queue")

    async def _done(self, command: str, answer: Answer, outcome: Final, *, way: str) -> Response:
        """`way`: `queue` or `direct`, how the write reached the database. Raises the error of a rejection."""
        if isinstance(outcome, Rejected):
            raise error_of(outcome, answer.operation_id)
        told = {"id": answer.user_id, "operation_id": answer.operation_id, "status": outcome.status}
        all_headers = _headers(answer) | ({"Preference-Applied": "wait"} if way == "queue" else {})
        if command != "DeleteUser" and (user := await self._as_it_is(answer.user_id)):
            told |= describe_user(user)
            all_headers["ETag"] = etag(user.version)
        created = command == "CreateUser" and isinstance(outcome, Applied)
        if created:
            all_headers["Location"] = f"/users/{answer.user_id}"
        return success(told, status=201 if created else 200, meta={"way": way}, headers=all_headers)

    async def _as_it_is(self, user_id: str) -> User | None:
        try:
            users = (await self.view.user(user_id)).users
        except AppError:  # the same
            return None
        return users[0] if users else None


def _doubtful(answer: Answer, *, sure: bool) -> bool:
    """Whether the operations row may know more of the key than the queue does."""
    return answer.result in ("email_taken", "reused") or (answer.result == "accepted" and (answer.unsure or not sure))


def _queued(request: Request, answer: Answer, *, waited: bool) -> Response:
    told = {"id": answer.user_id, "operation_id": answer.operation_id, "status": "queued"}
    meta = {
        "request_id": request.scope["request_id"],
        "accepted_at": precise(versions.to_datetime(answer.version)),
        "version": answer.version,
        "operation": f"/operations/{answer.operation_id}",
        "user": f"/users/{answer.user_id}",
    }
    all_headers = {"Location": f"/operations/{answer.operation_id}", "Retry-After": "1", **_headers(answer)}
    if waited:
        all_headers["Preference-Applied"] = "wait"
    return success(told, status=202, meta=meta, headers=all_headers)


def _numbers(answer: Answer) -> dict[str, object]:
    """For the explanation."""
    return {
        "result": answer.result, "operation_id": answer.operation_id, "user_id": answer.user_id,
        "version": answer.version or None,
    }  # fmt: skip


def _entry_id(answer: Answer) -> str | None:
    return versions.to_stream_id(answer.version) if answer.version else None


def _headers(answer: Answer) -> dict[str, str]:
    return {"Idempotent-Replayed": "true"} if answer.result == "repeated" else {}


def _why(answer: Answer, payload: dict[str, str]) -> dict[str, object]:
    if answer.result == "email_taken":
        return {"field": "email", "value": payload["email"], "constraint": "must be unique"}
    return {"operation_id": answer.operation_id}


def _wanted(if_match: str, if_none_match: str, expire_ms: str) -> str:
    """What else makes it another request than one with the same body."""
    return f"{if_match or None} {expire_ms}" + (f" {if_none_match}" if if_none_match else "")
