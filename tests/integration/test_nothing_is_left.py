"""Test runs side by side, and test runs that are killed, do not disturb other processes."""

import signal
import subprocess
import sys
from pathlib import Path

from deploy.local.processes import Process
from tests.conftest import ROOT
from tests.servers import START_DEADLINE_S, wait_until

#: Starts a server and a service as tests do, prints their process ids, and ends by SIGKILL, like a process that the
#: kernel kills for lack of memory.
_KILLED = """
import os, pathlib, signal, sys
from tests import processes
from tests.servers import RedisServer
folder = pathlib.Path(sys.argv[1])
queue = RedisServer(folder)
queue.start()
api = processes.api(folder, queue.address, "mysql://nobody:nothing@127.0.0.1:1/none").start()
print(queue.pid, api.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
_PORTS = "from tests.ports import free_port; print(*(free_port() for _ in range(120)), flush=True); input()"


def test_a_run_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    """A test run that is killed leaves neither servers nor services running."""
    command = [sys.executable, "-c", _KILLED, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=START_DEADLINE_S)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    wait_until(lambda: all(Process.of(pid) is None for pid in pids), what="all are gone")


def test_runs_beside_one_another_give_out_other_ports() -> None:
    """Concurrent test runs never give out the same port."""
    runs = [
        subprocess.Popen([sys.executable, "-c", _PORTS], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    ports = [port for run in runs if run.stdout for port in run.stdout.readline().split()]
    for run in runs:
        run.communicate(b"\n", timeout=START_DEADLINE_S)
    assert len(ports) == len(set(ports)) == 3 * 120
