"""History: what a server did recently, so that it can go back to an earlier moment, as after a failover."""

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
    """A command, its time, and the server's refusals at that time, which are repeated when the command is replayed."""

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
    """The history of one server."""

    def __init__(self, clock: Callable[[], float], executor: Executor) -> None:
        self._clock = clock
        self._executor = executor
        #: Every script that was ever loaded, because a restart forgets them.
        self._scripts: dict[bytes, Script] = {}
        self._chapters: list[_Chapter] = []
        self._open()

    def runs(self, parts: Sequence[bytes]) -> None:
        """Note a command that may change something before it runs."""
        if parts[0].upper() in (b"EVALSHA", b"EVALSHA_RO"):
            sha = parts[1].lower()
            if sha not in self._executor.scripts:
                return  # NOSCRIPT
            self._scripts[sha] = self._executor.scripts[sha]
        if len(self._chapters[-1].commands) >= _COMMANDS_PER_CHAPTER:
            self._open()
        self._chapters[-1].commands.append(_Command(self._clock(), parts, self._executor.state))

    def before(self, at_s: float) -> Any:
        """Return the contents of the keyspace at a moment, or the oldest known ones. Forget what came after."""
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
                continue  # it failed at that time too
        return space.contents()

    def _open(self) -> None:
        now_s = self._clock()
        self._chapters = [each for each in self._chapters if each.at_s > now_s - _KEPT_S] or self._chapters[-1:]
        self._chapters.append(_Chapter(now_s, pickle.dumps(self._executor.space.contents())))
