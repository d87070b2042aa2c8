"""Writes: groups the attempts of a history into the writes that clients intended, and relates those to operations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.promises.final import Ended, Entity, Final
from tests.promises.history import Attempt, End, Fail, History, Ok, Planted, Unknown
from tests.promises.sequential_model import Accepted

#: Codes of errors that do not end a write: a later attempt, or the write itself, may still succeed.
NOT_FINAL = frozenset({"REQUEST_IN_PROGRESS", "WRITE_DEAD_LETTERED", "WRITE_DISCARDED"})


@dataclass(frozen=True)
class Intent:
    """One write that a client intended: all attempts with the same key and request, or one attempt without a key."""

    attempts: tuple[Attempt, ...]

    @property
    def key(self) -> str:
        """The `Idempotency-Key`, or empty."""
        return self.attempts[0].sent.key

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.attempts[0].sent.method

    @property
    def resource(self) -> str:
        """The plural name of the resource."""
        return self.attempts[0].sent.path.strip("/").split("/")[0]

    @property
    def values(self) -> Mapping[str, Any]:
        """The fields that the write sets."""
        return self.attempts[0].sent.body or {}

    @property
    def poison(self) -> bool:
        """Whether no writer can apply the write."""
        return self.attempts[0].sent.poison

    @cached_property
    def answers(self) -> tuple[Ok, ...]:
        """The usable answers."""
        return tuple(attempt.end for attempt in self.attempts if isinstance(attempt.end, Ok))

    @property
    def acknowledged(self) -> Ok | None:
        """The first usable answer."""
        return self.answers[0] if self.answers else None

    @cached_property
    def refused(self) -> bool:
        """Whether every attempt was refused definitely or never sent. Such a write must have had no effect."""
        return all(_is_refusal(attempt.end) for attempt in self.attempts)

    @property
    def open(self) -> bool:
        """Whether clients cannot know if the write had an effect."""
        return not self.answers and not self.refused

    @property
    def entity_id(self) -> str:
        """The id of the entity that the write changes; empty for a create without an answer."""
        if self.acknowledged:
            return self.acknowledged.entity_id
        return "" if self.method == "POST" else self.attempts[0].sent.path.strip("/").split("/")[1]

    @property
    def entity(self) -> Entity:
        """The entity that the write changes."""
        return Entity(self.resource, self.entity_id)

    @property
    def operation_ids(self) -> frozenset[str]:
        """Every operation id that an answer named for the write, errors included."""
        ends = (attempt.end for attempt in self.attempts)
        return frozenset(end.operation_id for end in ends if end and end.operation_id and not _names_another(end))

    def accepted(self, ended: Ended) -> Accepted:
        """Return the write as the sequential model takes it, at its operation's place in the order."""
        if_match = self.attempts[0].sent.if_match
        return Accepted(ended.operation_id, ended.entity.id, self.method, ended.version, dict(self.values), if_match)


def _is_refusal(end: End | None) -> bool:
    if isinstance(end, Unknown):
        return end.why == "refused"
    return isinstance(end, Fail) and end.code not in NOT_FINAL


def _names_another(end: End) -> bool:
    """Return whether the answer names the operation of an earlier request with the same key."""
    return isinstance(end, Fail) and end.code == "IDEMPOTENCY_KEY_REUSED"


class Writes:
    """All writes of a history, and their operations."""

    def __init__(self, history: History, final: Final) -> None:
        groups: dict[tuple[object, ...], list[Attempt]] = {}
        for attempt in history.attempts:
            if attempt.is_write:
                sent = attempt.sent
                body = tuple(sorted((name, str(value)) for name, value in (sent.body or {}).items()))
                own = (sent.key, sent.method, sent.path, body, sent.if_match) if sent.key else (sent.attempt,)
                groups.setdefault(own, []).append(attempt)
        self.intents = tuple(Intent(tuple(attempts)) for attempts in groups.values())
        #: Includes operations that only an error named: the values of their writes are known too.
        self.by_operation = {id: intent for intent in self.intents for id in intent.operation_ids}
        self.ended = {ended.operation_id: ended for ended in final.ended}
        self._planted = {planted.operation_id for planted in history.of(Planted) if planted.operation_id}

    @cached_property
    def unexplained(self) -> tuple[Ended, ...]:
        """The operations in the database that no answer named and that were not planted."""
        known = self.by_operation.keys() | self._planted
        return tuple(ended for id, ended in self.ended.items() if id not in known and ended.effect != "none")

    def candidates(self, ended: Ended) -> Iterator[Intent]:
        """Yield the writes that an unexplained operation may belong to: those without a known end, and, if the
        operation had no effect, the refused ones. An api may refuse a write directly that it had queued before."""
        for intent in self.intents:
            same = intent.method == ended.method and intent.resource == ended.entity.resource
            unknown = intent.open or (intent.refused and ended.effect == "rejected")
            if unknown and same and intent.entity_id in ("", ended.entity.id):
                yield intent
