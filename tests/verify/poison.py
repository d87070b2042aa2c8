"""Poison: plants entries of an outdated schema. An operator repairs most of them and replays all."""

import time
import uuid

import orjson

from tests.promises.history import Act, Planted
from tests.servers import wait_until
from tests.verify.recorder import Recorder
from tests.verify.stage import Stage

#: One letter in so many is not repaired, and dies again.
_BROKEN = 10
_PAGE = 1000
#: The replay's pace, as a multiple of what it would need without faults.
_FASTER = 1.5
#: The patch that repairs most of them.
PATCH = [{"op": "move", "from": "/payload/full_name", "path": "/payload/name"}]
_EVERY = {"filter": {"state": "dead"}}
#: Every fault is to hit the replay, so nothing stops it.
STOP = {"failing_share": 1, "backlog_age_s": 86_400, "backlog_max": 10**9, "breaker": False}


class Operator:
    """An operator who repairs a failed release."""

    def __init__(self, stage: Stage, recorder: Recorder) -> None:
        self._stage = stage
        self._recorder = recorder
        self.replay_id = 0

    def plant(self, letters: int) -> None:
        """Make `letters` dead letters, and repair most of them."""
        planted = [entry(number) for number in range(letters)]
        at_s = self._recorder.now()
        with self._stage.queue.client() as client:
            for first in range(0, letters, _PAGE):
                pipeline = client.pipeline(transaction=False)
                for fields in planted[first : first + _PAGE]:
                    pipeline.xadd(self._stage.partitions.of(str(fields["user_id"])).writes, fields)
                pipeline.execute()
        for number, fields in enumerate(planted):
            ends = "dead" if number % _BROKEN == 0 else "applied"
            self._recorder.add(
                Planted(
                    at_s, "a schema that moved on", True, str(fields["operation_id"]), str(fields["user_id"]), ends=ends
                )
            )
        wait_until(lambda: self._stage.length("writes") == self._stage.length("dead") == 0, what="dead and indexed")
        wish = {"selection": _EVERY, "reason": "renamed", "patch": PATCH, "expected_count": letters}
        wait_until(lambda: self._stage.ask_admin("POST", "/dlq/transforms", json=wish), what="the letters are mended")
        self._did("edit")

    def replay(self, letters: int, seconds: float) -> None:
        """Replay all of them, so slowly that faults hit the replay all along. They hold it up for at least a third of
        the time."""
        wish = {"selection": _EVERY, "reason": "drill", "expected_count": letters, "stop": STOP,
                "rate_per_s": max(1.0, _FASTER * letters / seconds)}  # fmt: skip
        wait_until(lambda: self._started(wish), what="the replay is made")
        self._did("replay")

    def _started(self, wish: dict[str, object]) -> bool:
        """Return whether the replay has been started. The answer to an earlier start may be lost, so this looks for it
        first."""
        page = self._stage.ask_admin("GET", "/dlq/replays")
        if page is None:
            return False
        made = page[0] if page else self._stage.ask_admin("POST", "/dlq/replays", json=wish)
        self.replay_id = int(made["id"]) if made else 0
        return bool(made)

    def is_over(self) -> bool:
        """Return whether the replay, if there is one, has ended."""
        if not self.replay_id:
            return True
        found = self._stage.ask_admin("GET", f"/dlq/replays/{self.replay_id}")
        return bool(found) and found["state"] == "done"

    def _did(self, action: str) -> None:
        self._recorder.add(Act(self._recorder.now(), "operator", action, done=True))


def entry(number: int) -> dict[str, str | bytes]:
    """Return an entry for a user of its own."""
    name = "nom" if number % _BROKEN == 0 else "full_name"
    user = str(uuid.uuid4())
    version = time.time_ns() // 1000 - 10**9 + number
    return {
        "schema": "1",
        "command": "CreateUser",
        "operation_id": str(uuid.uuid4()),
        "user_id": user,
        "version": str(version),
        "payload": orjson.dumps({name: f"planted {number}", "email": f"{user}@example.com"}),
    }
