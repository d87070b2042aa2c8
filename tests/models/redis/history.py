"""History: what a server did lately, so that it can go back to an earlier moment, as after a failover."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.models.redis.execute import Executor
from tests.models.redis.keyspace import Keyspace
from tests.models.redis.reply import Failure

_COMMANDS_PER_CHAPTER = 1000
_KEPT_S = 60.0


@dataclass(slots=True)
class _Chapter:
    """The data at one moment, and the commands after it."""

    at_s: float
    contents: bytes
    commands: list[tuple[float, Sequence[bytes]]] = field(default_factory=list)


class History:
    """Of one server."""

    def __init__(self, clock: Callable[[], float], space: Keyspace) -> None:
        self._clock = clock
        self._space = space
        self._chapters: list[_Chapter] = []
        self._open()

    def runs(self, parts: Sequence[bytes]) -> None:
        """A command that may change something, and is about to."""
        if len(self._chapters[-1].commands) >= _COMMANDS_PER_CHAPTER:
            self._open()
        self._chapters[-1].commands.append((self._clock(), parts))

    def before(self, at_s: float) -> Any:
        """The contents of the keyspace as they were; the oldest that are known, if that is too long ago. What came
        after is forgotten."""
        while len(self._chapters) > 1 and self._chapters[-1].at_s > at_s:
            self._chapters.pop()
        chapter = self._chapters[-1]
        chapter.commands = [each for each in chapter.commands if each[0] <= at_s]
        now_s = chapter.at_s
        space = Keyspace(lambda: now_s)
        space.restore(pickle.loads(chapter.contents))  # noqa: S301 - our own
        executor = Executor(space, lambda _channel, _text: 0)
        for at, parts in chapter.commands:
            now_s = at
            try:
                executor.run(parts)
            except Failure:
                continue  # it failed then too
        return space.contents()

    def _open(self) -> None:
        now_s = self._clock()
        self._chapters = [each for each in self._chapters if each.at_s > now_s - _KEPT_S] or self._chapters[-1:]
        self._chapters.append(_Chapter(now_s, pickle.dumps(self._space.contents())))
