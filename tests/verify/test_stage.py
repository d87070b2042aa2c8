"""How a run ends."""

from pathlib import Path
from typing import Any, Literal

from tests.verify.stage import Stage


class _Program:
    """A program that only records that it was killed."""

    def __init__(self, name: str, ended: list[str]) -> None:
        self._name, self._ended = name, ended

    def kill(self) -> None:
        self._ended.append(self._name)


class _Stage(Stage):
    """A stage on which the api queues a heartbeat as it ends, which a writer works off by the third look at the
    stream."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 1)
        self.ended: list[str] = []
        programs: dict[str, Any] = {name: _Program(name, self.ended) for name in ("writer-1", "api-1", "dlq-admin-1")}
        self.services = programs
        self._looks = 0

    def __exit__(self, *_: object) -> None:
        pass

    def start(self) -> None:
        """Start nothing."""

    def length(self, stream: Literal["writes", "dead"]) -> int:
        assert self.ended == ["api-1"]
        self._looks += 1
        return 0 if self._looks > 2 else 1


def test_what_the_apis_queued_last_is_worked_off(tmp_path: Path) -> None:
    """The apis end first and the other services when the queue is empty, so that an api's last heartbeat is not taken
    for a stuck entry."""
    stage = _Stage(tmp_path)
    stage.end_services()
    assert sorted(stage.ended[1:]) == ["dlq-admin-1", "writer-1"]
