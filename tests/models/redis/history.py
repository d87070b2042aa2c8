"""History: what a server did lately, so that it can go back to an earlier moment, as after a failover."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.models.redis.execute import Executor, State
from tests.models.redis.keyspace import Keyspace
from tests.models.redis.reply import Failure
from tests.models.redis.scripts import Script

_COMMANDS_PER_CHAPTER = 1000
_KEPT_S = 60.0


class _Command(NamedTuple):
    """A command, when it came, and what the server refused then: it refuses the same when it does it all again."""

    at_s: float
    parts: Sequence[bytes]
    state: State


@dataclass(slots=True)
class _Chapter:
    """The data at one moment, and the commands after it."""

    at_s: float
    contents: bytes
    commands: list[_Command] = field(default_factory=list)


class History:
    """Of one server."""

    def __init__(self, clock: Callable[[], float], executor: Executor) -> None:
        self._clock = clock
        self._executor = executor
        #: Every script that was ever loaded: a restart forgets them.
        self._scripts: dict[bytes, Script] = {}
        self._chapters: list[_Chapter] = []
        self._open()

    def runs(self, parts: Sequence[bytes]) -> None:
        """A command that may change something, and is about to."""
        if parts[0].upper() in (b"EVALSHA", b"EVALSHA_RO"):
            sha = parts[1].lower()
            if sha not in self._executor.scripts:
                return  # NOSCRIPT
            self._scripts[sha] = self._executor.scripts[sha]
        if len(self._chapters[-1].commands) >= _COMMANDS_PER_CHAPTER:
            self._open()
        self._chapters[-1].commands.append(_Command(self._clock(), parts, self._executor.state))

    def before(self, at_s: float) -> Any:
        """The contents of the keyspace as they were; the oldest that are known, if that is too long ago. What came
        after is forgotten."""
        while len(self._chapters) > 1 and self._chapters[-1].at_s > at_s:
            self._chapters.pop()
        chapter = self._chapters[-1]
        chapter.commands = [each for each in chapter.commands if each.at_s <= at_s]
        now_s = chapter.at_s
        space = Keyspace(lambda: now_s)
        space.restore(pickle.loads(chapter.contents))  # noqa: S301 - our own
        executor = Executor(space, lambda _channel, _text: 0)
        executor.scripts.update(self._scripts)
        for now_s, parts, executor.state in chapter.commands:  # noqa: B007 - the clock reads it
            try:
                executor.run(parts)
            except Failure:
                continue  # it failed then too
        return space.contents()

    def _open(self) -> None:
        now_s = self._clock()
        self._chapters = [each for each in self._chapters if each.at_s > now_s - _KEPT_S] or self._chapters[-1:]
        self._chapters.append(_Chapter(now_s, pickle.dumps(self._executor.space.contents())))
