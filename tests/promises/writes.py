"""Writes: the attempts of a history put together to the writes that clients meant, and these to operations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.promises.final import Ended, Entity, Final
from tests.promises.history import Attempt, End, Fail, History, Ok, Planted, Unknown
from tests.promises.sequential_model import Accepted

#: A later attempt may still succeed, or the write may: none of these is the end of it.
NOT_FINAL = frozenset({"REQUEST_IN_PROGRESS", "WRITE_DEAD_LETTERED", "WRITE_DISCARDED"})


@dataclass(frozen=True)
class Intent:
    """One write that a client meant: the attempts with the same key and request, or one attempt without a key."""

    attempts: tuple[Attempt, ...]

    @property
    def key(self) -> str:
        """Its Idempotency-Key, if it has one."""
        return self.attempts[0].sent.key

    @property
    def method(self) -> str:
        """As in HTTP."""
        return self.attempts[0].sent.method

    @property
    def resource(self) -> str:
        """Its plural name."""
        return self.attempts[0].sent.path.strip("/").split("/")[0]

    @property
    def values(self) -> Mapping[str, Any]:
        """The fields that it sets."""
        return self.attempts[0].sent.body or {}

    @property
    def poison(self) -> bool:
        """Whether no writer can apply it."""
        return self.attempts[0].sent.poison

    @cached_property
    def answers(self) -> tuple[Ok, ...]:
        """Its usable answers."""
        return tuple(attempt.end for attempt in self.attempts if isinstance(attempt.end, Ok))

    @property
    def acknowledged(self) -> Ok | None:
        """The first usable answer."""
        return self.answers[0] if self.answers else None

    @cached_property
    def refused(self) -> bool:
        """Every attempt ended with a definite refusal, or never left: it must not have happened."""
        return all(_is_refusal(attempt.end) for attempt in self.attempts)

    @property
    def open(self) -> bool:
        """Nobody knows whether it happened."""
        return not self.answers and not self.refused

    @property
    def entity_id(self) -> str:
        """That it changes; empty for a create that was not answered."""
        if self.acknowledged:
            return self.acknowledged.entity_id
        return "" if self.method == "POST" else self.attempts[0].sent.path.strip("/").split("/")[1]

    @property
    def entity(self) -> Entity:
        """The same, with its resource."""
        return Entity(self.resource, self.entity_id)

    @property
    def operation_ids(self) -> frozenset[str]:
        """Every id that an answer gave to it, those of errors included."""
        ends = (attempt.end for attempt in self.attempts)
        return frozenset(end.operation_id for end in ends if end and end.operation_id and not _names_another(end))

    def accepted(self, ended: Ended) -> Accepted:
        """For the sequential model, at the place that its operation has in the order."""
        if_match = self.attempts[0].sent.if_match
        return Accepted(ended.operation_id, ended.entity.id, self.method, ended.version, dict(self.values), if_match)


def _is_refusal(end: End | None) -> bool:
    if isinstance(end, Unknown):
        return end.why == "refused"
    return isinstance(end, Fail) and end.code not in NOT_FINAL


def _names_another(end: End) -> bool:
    """The operation in it is the one that the key was used for first."""
    return isinstance(end, Fail) and end.code == "IDEMPOTENCY_KEY_REUSED"


class Writes:
    """All writes of a history, and which operations are theirs."""

    def __init__(self, history: History, final: Final) -> None:
        groups: dict[tuple[object, ...], list[Attempt]] = {}
        for attempt in history.attempts:
            if attempt.is_write:
                sent = attempt.sent
                body = tuple(sorted((name, str(value)) for name, value in (sent.body or {}).items()))
                own = (sent.key, sent.method, sent.path, body, sent.if_match) if sent.key else (sent.attempt,)
                groups.setdefault(own, []).append(attempt)
        self.intents = tuple(Intent(tuple(attempts)) for attempts in groups.values())
        #: Also those that only an error named: their values are known all the same.
        self.by_operation = {id: intent for intent in self.intents for id in intent.operation_ids}
        self.ended = {ended.operation_id: ended for ended in final.ended}
        self._planted = {planted.operation_id for planted in history.of(Planted) if planted.operation_id}

    @cached_property
    def unexplained(self) -> tuple[Ended, ...]:
        """Operations in the database that no answer named and nobody planted."""
        known = self.by_operation.keys() | self._planted
        return tuple(ended for id, ended in self.ended.items() if id not in known and ended.effect != "none")

    def candidates(self, ended: Ended) -> Iterator[Intent]:
        """The writes that an unexplained operation may be: without a known end, or refused, if it had no effect. An api
        that refuses what it applies past the queue may have put it there before."""
        for intent in self.intents:
            same = intent.method == ended.method and intent.resource == ended.entity.resource
            unknown = intent.open or (intent.refused and ended.effect == "rejected")
            if unknown and same and intent.entity_id in ("", ended.entity.id):
                yield intent
