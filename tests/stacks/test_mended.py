"""However a runner ends, the faults that it began are removed."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from deploy.local.output import Problem
from deploy.local.processes import Process
from deploy.stacks import cgroup, filler
from deploy.stacks.hop import Hop, check_possible
from deploy.stacks.journal import Journal
from deploy.stacks.mend import mend
from tests.conftest import ROOT
from tests.servers import RedisServer, wait_until

#: A runner that freezes a process as an experiment does, prints this, and waits for its own end.
RUNNER = """
import signal, sys, time
from pathlib import Path
from deploy.stacks.guard import mended_after
from deploy.stacks.journal import Journal
from deploy.local.postpone import ENDING
from deploy.local.processes import Process, freeze

for number in ENDING:
    signal.signal(number, signal.default_int_handler)
journal, pid = Journal(Path(sys.argv[1])), int(sys.argv[2])
with mended_after(journal, print):
    victim = Process.of(pid)
    journal.add({"how": "continue", "process": [victim.pid, victim.born, victim.boot]})
    freeze(pid)
    print("broken", flush=True)
    time.sleep(600)
"""


def this_process() -> str:
    """Return the name by which this process is known as a client."""
    return Path("/proc/self/cmdline").read_text().replace("\0", " ").strip() + " "


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """A process that a test may break."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal; at the end, what a failed test left broken is mended."""
    journal = Journal(tmp_path / "chaos" / "undo.json")
    yield journal
    mend(journal)


def state(process: subprocess.Popen[bytes]) -> str:
    """Return the state of the process as the kernel has it: S sleeps, T is stopped."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_whatever_ends_the_runner(victim: subprocess.Popen[bytes], journal: Journal, number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM, a closed terminal and SIGKILL of the runner leave nothing broken and nothing in the journal."""
    command = [sys.executable, "-c", RUNNER, str(journal.path), str(victim.pid)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as runner:
        assert runner.stdout
        assert runner.stdout.readline() == "broken\n"
        assert state(victim) == "T"
        assert journal.read()
        runner.send_signal(number)
        wait_until(lambda: state(victim) == "S", what="mended")
        wait_until(lambda: journal.read() == [], what="struck out")


def test_what_cannot_be_mended_stays_in_the_journal(journal: Journal) -> None:
    """An undo that fails is reported and stays in the journal, the others are carried out, and a target that no longer
    exists counts as mended."""
    journal.add({"how": "command", "command": ["false"]})
    journal.add({"how": "prayer"})
    journal.add({"how": "command", "command": ["sh", "-c", "echo no such thing; exit 1"], "gone": ["no such thing"]})
    reported: list[str] = []
    assert mend(journal, report=reported.append) is False
    assert [undo["how"] for undo in journal.read()] == ["command", "prayer"]
    assert len(reported) == 2


def test_a_process_id_that_another_one_has_by_now_is_left_alone(
    victim: subprocess.Popen[bytes], journal: Journal
) -> None:
    """A process is ended only if its time of birth matches, so another process with the same id is left alone."""
    journal.add({"how": "end", "process": [victim.pid, "1", "another boot"]})
    assert mend(journal)
    assert victim.poll() is None


def test_filler_fills_and_goes_away(own_redis: RedisServer, journal: Journal) -> None:
    """A filled Redis refuses writes and keeps its data; once mended it has its old limit and no filler."""
    cli = ["redis-cli", "-p", str(own_redis.port)]

    def run(command: list[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        if done.returncode:
            raise Problem(done.stdout + done.stderr)
        return done.stdout

    with own_redis.client() as client:
        client.set("mine", "1")
        limit = client.config_get("maxmemory")
        filler.fill(lambda command: run(list(command)), cli, journal, lasts_s=120)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("more", "1")
        assert client.info("memory")["used_memory"] < 32 * 1024 * 1024
        assert mend(journal)
        assert client.set("more", "1")
        assert client.config_get("maxmemory") == limit
        assert sorted(client.keys()) == [b"mine", b"more"]


def test_a_hop_comes_and_goes_while_clients_are_connected(own_redis: RedisServer, journal: Journal) -> None:
    """New connections pass through the proxy and meet its faults, those of chosen clients only if it has a list. Once
    mended, connections are direct, and no iptables rule is left."""
    try:
        check_possible()
    except Problem as problem:
        pytest.skip(str(problem))
    with own_redis.client() as before:
        before.ping()
        hop = Hop(journal, "queue", own_redis.port)
        port = own_redis.port
        with (
            redis.Redis(port=port, retry=None) as client,
            redis.Redis(port=port, socket_timeout=1, retry=None) as silent,
        ):
            assert client.ping()
            assert hop.connections() == 1
            hop.set({"down": {"blackhole": True}})
            with pytest.raises(redis.TimeoutError):
                silent.ping()
            hop.set({"down": {"blackhole": True}, "clients": ["holdfast.services.writer "]})
            assert client.ping()
            hop.set({"down": {"blackhole": True}, "clients": [this_process()]})
            with pytest.raises(redis.TimeoutError):
                silent.ping()
        assert before.ping()
        assert mend(journal)
        rules = subprocess.run(["iptables", "-t", "nat", "-S", "OUTPUT"], capture_output=True, text=True, timeout=240)
        assert f"--dport {own_redis.port} " not in rules.stdout
        with redis.Redis(port=own_redis.port, socket_timeout=20) as client:
            assert client.ping()


def test_a_throttled_process_gets_less_and_then_all_again(victim: subprocess.Popen[bytes], journal: Journal) -> None:
    """A throttled process is in a control group of its own; once mended it is back in its old group, and the new group
    is gone."""
    try:
        undo = cgroup.plan("cpu", f"holdfast-test-{os.getpid()}", [victim.pid])
    except Problem as problem:
        pytest.skip(str(problem))
    were = Path(f"/proc/{victim.pid}/cgroup").read_text()
    journal.add(undo)
    cgroup.make(undo, "cpu", 0.1)
    assert f"holdfast-test-{os.getpid()}" in Path(f"/proc/{victim.pid}/cgroup").read_text()
    assert mend(journal)
    assert Path(f"/proc/{victim.pid}/cgroup").read_text() == were
    assert not Path(str(undo["folder"])).exists()


def test_a_client_is_known_by_its_process() -> None:
    """A local client is known by the command line of its process, here the test's own, and any other by its address."""
    from deploy.faults.switch import client_of

    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, peer = server.accept()
        accepted.close()
        assert client_of(peer) == this_process()
        assert client_of(("10.1.2.3", 4)) == "10.1.2.3"
        assert client.fileno() > 0
    assert Process.of(os.getpid()) is not None
