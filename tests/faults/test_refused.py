"""A Redis that refuses commands: a wrong password, a missing right, a key of another type. Each service reports it
without filling its log, and continues once the cause is removed."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.privileges import redis as privileges
from holdfast.shared.fleet.board import REPORTS
from holdfast.shared.queue.entities import pending_name
from holdfast.shared.queue.names import DEAD, PREFIX, WRITERS, WRITES
from holdfast.shared.writes.commands import HEARTBEAT_ID, HEARTBEATS, Ref
from tests import processes
from tests.client import fetch
from tests.processes import QUICK
from tests.servers import PASSWORD, Database, RedisServer, wait_until

#: The commands that each service needs because one of its loops calls them all the time.
_NEEDED = {
    "api": ("xinfo|stream", "hgetall", "evalsha"),
    "writer": ("xreadgroup", "xpending", "xautoclaim", "evalsha"),
    "dlq_admin": ("xreadgroup", "xautoclaim", "xlen", "evalsha"),
}
#: Keys that each service uses all the time.
_HEARTBEAT = PREFIX + pending_name(Ref(HEARTBEATS.plural, HEARTBEAT_ID))
_KEYS = {"api": (WRITES, REPORTS, _HEARTBEAT), "writer": (WRITES, WRITERS, REPORTS), "dlq_admin": (DEAD, REPORTS)}


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that tests may break, with the users of a deployment."""
    server = RedisServer(tmp_path_factory.mktemp("refused"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def services(
    tmp_path_factory: pytest.TempPathFactory, queue: RedisServer, database: Database
) -> Iterator[dict[str, processes.Service]]:
    """A running service of each kind."""
    folder = tmp_path_factory.mktemp("services")
    quick = {key: value for key, value in QUICK.items() if "WRITER" not in key}
    found = {
        "api": processes.api(folder, queue.address, database.dsn, HOLDFAST_API_HEARTBEAT_S="0.5"),
        "writer": processes.writer(folder, queue.address, database.dsn, **QUICK),
        "dlq_admin": processes.dlq_admin(folder, queue.address, database.dsn, **quick, HOLDFAST_DLQ_PROBE_CAP_S="0.3"),
    }
    with processes.running(*found.values()):
        yield found


#: Alternatives, of which an error has to contain one.
Words = tuple[str, ...]
#: The errors of a command by itself, and of a command in a script.
_NO_RIGHT = ("permissions", "can't run this command")


def _says(text: str, words: Words) -> bool:
    return any(word in text for word in words)


class LogSince:
    """The lines that a service has logged since the instance was made."""

    def __init__(self, service: processes.Service) -> None:
        self._service = service
        self._from = service.log.stat().st_size

    def lines(self, action: str) -> list[dict[str, Any]]:
        """Return the lines of this action."""
        with self._service.log.open("rb") as log:
            log.seek(self._from)
            found = [
                json.loads(line) for line in log.read().splitlines() if line.startswith(b"{") and line.endswith(b"}")
            ]
        return [line for line in found if line.get("action") == action]

    def refused(self, words: Words) -> bool:
        """Return whether a line reports one of these words as an error."""
        return any(
            _says(line["error"], words) and line["level"] == "error" and line["kind"] == "refused"
            for line in self.lines("loop_failing")
        )


def _check(service: processes.Service) -> dict[str, Any]:
    checks: dict[str, Any] = fetch("GET", f"{service.url}/health").json()["data"]["checks"]["loops"]
    return checks


def _all_is_well(services: dict[str, processes.Service]) -> None:
    for name, service in services.items():
        wait_until(lambda service=service: _check(service)["ok"], what=f"{name} fails at nothing")


def _speaks_and_recovers(
    queue: RedisServer, services: dict[str, processes.Service], words: dict[str, Words], broken: Any, mended: Any
) -> None:
    _all_is_well(services)
    logs = {name: LogSince(service) for name, service in services.items()}
    broken()
    try:
        for name, service in services.items():
            wait_until(lambda name=name: logs[name].refused(words[name]), what=f"{name} says {words[name]}")
            wait_until(
                lambda name=name, service=service: _says(_check(service)["detail"], words[name]),
                what=f"{name} shows it",
            )
    finally:
        mended()
    _all_is_well(services)
    for each in logs.values():
        wait_until(lambda each=each: each.lines("loop_recovered"), what="it says that it goes on")
        assert each.lines("loop_crashed") == []
        lines = Counter((line["loop"], line["error"]) for line in each.lines("loop_failing"))
        assert max(lines.values()) <= 10, lines


def _lines_of(name: str) -> list[str]:
    rules = privileges.acl(dict.fromkeys(privileges.NAMES, PASSWORD), "queue", "cache").splitlines()
    [line] = [line for line in rules if line.startswith(f"user {name} ")]
    return line.removeprefix(f"user {name} ").replace("(", "\0(").replace(") ", ")\0").split("\0")


def _set_user(client: Any, name: str, rules: list[str]) -> None:
    words = [word for rule in rules if rule.strip() for word in ([rule] if rule.startswith("(") else rule.split())]
    client.execute_command("ACL", "SETUSER", name, "reset", *words)


def test_a_wrong_password(queue: RedisServer, services: dict[str, processes.Service]) -> None:
    """Services whose passwords change while they run, with every connection cut, report it and recover once it is
    restored."""

    def kill(client: Any, passwords: str) -> None:
        for name in services:
            client.execute_command("ACL", "SETUSER", name, "resetpass", f">{passwords}")
            client.execute_command("CLIENT", "KILL", "USER", name)

    with queue.client() as client:
        words = dict.fromkeys(services, ("invalid username-password pair",))
        _speaks_and_recovers(queue, services, words, lambda: kill(client, "another"), lambda: kill(client, PASSWORD))


def test_a_missing_right(queue: RedisServer, services: dict[str, processes.Service]) -> None:
    """Services that lack a right that they need all the time, drawn at random, report it and recover."""
    drawn = {name: random.choice(_NEEDED[name]) for name in services}
    with queue.client() as client:

        def broken() -> None:
            for name, command in drawn.items():
                _set_user(client, name, [_without(rule, command) for rule in _lines_of(name)])

        def mended() -> None:
            for name in services:
                _set_user(client, name, _lines_of(name))

        words = dict.fromkeys(drawn, _NO_RIGHT)
        _speaks_and_recovers(queue, services, words, broken, mended)


def _without(rule: str, command: str) -> str:
    return " ".join(word for word in rule.replace("(", "( ").split() if word != f"+{command}").replace("( ", "(")


def test_a_key_of_another_type(queue: RedisServer, services: dict[str, processes.Service]) -> None:
    """Services report a key of another type, drawn at random from those that they use all the time, and recover."""
    wrong = {random.choice(_KEYS[name]) for name in services}
    with queue.client() as client:

        def broken() -> None:
            # One transaction, because a service that writes in between would make the key again, of its own type.
            with client.pipeline(transaction=True) as step:
                for key in wrong:
                    step.delete(key)
                    step.zadd(key, {"x": 1})
                step.execute()

        def mended() -> None:
            client.delete(*wrong)

        words = dict.fromkeys(services, ("WRONGTYPE",))
        _speaks_and_recovers(queue, services, words, broken, mended)
