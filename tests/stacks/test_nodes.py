"""A highly available stack: the node that takes writes, and the faults of its nodes."""

import json
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.local import probe, redis
from deploy.local import stack as local_stack
from deploy.local.nodes import stores
from deploy.local.output import Problem
from deploy.local.ports import free_port
from deploy.local.processes import Process
from deploy.local.settings import StackSettings
from deploy.privileges.redis import OPERATOR
from deploy.stacks import processes
from deploy.stacks.faults import CutOff, Fill, Kill, KillPrimary, Stop
from deploy.stacks.journal import Journal
from deploy.stacks.processes import Processes
from tests.servers import RedisServer

HA = StackSettings(ha=1)
QUEUE, DATABASE = ([node.name for node in stores(HA, store)] for store in ("queue", "database"))


class Supervisor:
    """A supervisor in which every node of the stores runs, and which records the order in which nodes are stopped."""

    def __init__(self) -> None:
        self.stopped: list[list[str]] = []
        self.hard: list[bool] = []

    def states(self) -> dict[str, dict[str, Any]]:
        """Return the state of each node: it is down once it was stopped."""
        down = {name for names in self.stopped for name in names}
        words = {name: "STOPPED" if name in down else "RUNNING" for name in (*QUEUE, *DATABASE)}
        return {name: {"statename": word, "pid": 1} for name, word in words.items()}

    def stop(self, names: list[str], patience_s: float, *, hard: bool = False) -> None:
        """Stop the nodes at once."""
        self.stopped.append(list(names))
        self.hard.append(hard)


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """The supervisor of a highly available stack whose queue has its last node as primary."""
    one = Supervisor()
    monkeypatch.setattr(local_stack, "running", lambda: one)
    monkeypatch.setattr(processes, "saved", lambda: HA)
    monkeypatch.setattr("deploy.local.sentinel.primary_port", lambda _: stores(HA, "queue")[2].port)
    monkeypatch.setattr("deploy.local.processes.Process.of", lambda pid: Process(pid, "1", "1"))
    return one


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """An empty journal."""
    return Journal(tmp_path / "undo.json")


def test_the_primary_alone_is_killed_and_started_again(supervisor: Supervisor, journal: Journal) -> None:
    """Only the primary is killed and started again: for the queue the one that Sentinel reports, for the database the
    first node that runs."""
    stack = Processes(journal, 1)
    stack.begin(KillPrimary("queue"))
    stack.begin(KillPrimary("database"))
    assert supervisor.stopped == [[QUEUE[2]], [DATABASE[0]]]
    assert supervisor.hard == [True, True]
    assert [undo["programs"] for undo in journal.read()] == [[QUEUE[2]], [DATABASE[0]]]
    assert stack.primary("database") == DATABASE[1]


def test_one_process_of_several_is_killed(supervisor: Supervisor, journal: Journal) -> None:
    """Of several processes only the named one is killed and started again."""
    Processes(journal, 1).begin(Kill("queue", only=QUEUE[1]))
    assert supervisor.stopped == [[QUEUE[1]]]
    assert [undo["programs"] for undo in journal.read()] == [[QUEUE[1]]]


def test_a_filled_node_gets_its_limit_back_when_another_took_its_place(
    supervisor: Supervisor, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filled node gets its limit back even if another node is primary by then, also in its configuration, which a
    Sentinel may have rewritten; the filler is removed from the new primary."""

    def output(command: Sequence[str]) -> str:
        match command[command.index("-e") + 1 :]:
            case ["CONFIG", "GET", name]:
                return f"{name} {'noeviction' if name.endswith('policy') else '512'}"
            case ["INFO", _]:
                return "used_memory:1000"
            case ["EVAL", *_]:
                raise Problem("OOM command not allowed")
            case _:
                return "OK"

    monkeypatch.setattr(processes, "output", output)
    Processes(journal, 1).begin(Fill("queue"))
    emptied, *on_the_node = [undo["command"] for undo in journal.read()]
    assert emptied[3:6] == ["redis", "queue", "-e"]
    assert [command[3:] for command in on_the_node] == [
        ["redis", QUEUE[2], "-e", "CONFIG", "REWRITE"],
        ["redis", QUEUE[2], "-e", "CONFIG", "SET", "maxmemory", "512"],
    ]


def test_a_store_stops_node_by_node(supervisor: Supervisor, journal: Journal) -> None:
    """A store stops node by node, so that the last node knows that it is the last, and all of them start again."""
    Processes(journal, 1).begin(Stop("database"))
    assert supervisor.stopped == [[name] for name in reversed(DATABASE)]
    assert [undo["programs"] for undo in journal.read()] == [DATABASE]


def test_a_primary_that_moved_before_it_was_cut_off_is_not_cut_off(supervisor: Supervisor, journal: Journal) -> None:
    """If the primary moves before it is cut off, the fault fails, because it would be another one than was prepared."""
    with pytest.raises(Problem, match="took another's place"):
        Processes(journal, 1).begin(CutOff())


def test_a_stack_with_one_node_says_what_to_start(
    supervisor: Supervisor, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one node, a fault that needs several is refused in one sentence that names the command, before anything is
    broken."""
    monkeypatch.setattr(processes, "saved", StackSettings)
    for fault in (KillPrimary("queue"), KillPrimary("database"), CutOff()):
        with pytest.raises(Problem, match="one node") as caught:
            Processes(journal, 1).prepare([fault])
        assert "make up HA=1" in str(caught.value)
    assert json.dumps(journal.read()) == "[]"


def test_a_redis_that_does_not_answer_is_named_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that is gone, or accepts connections and answers nothing, is named in an error after a timeout, where
    redis-cli would wait without limit."""
    monkeypatch.setattr(probe, "_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = StackSettings(queue_port=silent.getsockname()[1], cache_port=free_port())
        for place in redis.PLACES:
            with pytest.raises(Problem, match=f"{place} is not ready: no response on port"):
                redis.cli(settings, place)


class Closed(RedisServer):
    """A Redis of the local stack, where nobody without a login may do anything."""

    def answers(self) -> bool:
        """Return whether it answers the operator."""
        return probe.redis(OPERATOR, redis.password(OPERATOR))("127.0.0.1", self.port) is None


def test_a_running_redis_gets_the_rights_of_a_new_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`make up` with new sources restarts the services and no store, and a Redis reads its users only when it starts:
    it gets them before a service is started, and ends no connection for that."""
    monkeypatch.setattr(redis, "SECRETS", tmp_path)
    monkeypatch.setattr("deploy.local.secret.SECRETS", tmp_path)
    users = Path(redis.acl_file("queue"))
    users.write_text(users.read_text().replace("user api on", "user api off"))
    server = Closed(tmp_path, "--aclfile", str(users))
    server.start()
    try:
        settings = StackSettings(queue_port=server.port, cache_port=server.port)
        assert probe.redis("api", redis.password("api"))("127.0.0.1", server.port) is not None
        writer = socket.create_connection(("127.0.0.1", server.port), 5)
        writer.sendall(f"AUTH writer {redis.password('writer')}\r\n".encode())
        assert writer.recv(100) == b"+OK\r\n"
        monkeypatch.setattr(local_stack, "wait_ready", lambda *_: None)
        monkeypatch.setattr("deploy.local.database.migrate", lambda _: None)
        supervisor: Any = SimpleNamespace(start=list)
        local_stack._start(supervisor, [], settings)
        assert probe.redis("api", redis.password("api"))("127.0.0.1", server.port) is None
        writer.sendall(b"PING\r\n")
        assert writer.recv(100) == b"+PONG\r\n"
        writer.close()
    finally:
        server.kill()
