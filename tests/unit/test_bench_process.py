"""The processes that a benchmark starts end with it, even if the benchmark is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.servers import wait_until

_BENCH = """
import sys, time
from pathlib import Path
from tests.bench.process import Process
server = Process(["-c", "import time; print('ready', flush=True); time.sleep(3600)"], {}, Path(sys.argv[1])).start()
server.wait_for_line("ready")
print(server.pid, flush=True)
time.sleep(3600)
"""


def test_a_killed_bench_leaves_no_process(tmp_path: Path) -> None:
    """The server of a bench ends when the bench is killed, although the bench has no chance to end the server
    itself."""
    command = [sys.executable, "-c", _BENCH, str(tmp_path / "log")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as bench:
        assert bench.stdout is not None
        server = int(bench.stdout.readline())
        assert Path(f"/proc/{server}").exists()
        os.kill(bench.pid, signal.SIGKILL)
    wait_until(lambda: not _runs(server), what="the server is gone")


def _runs(pid: int) -> bool:
    """Return whether the process runs. A process that has ended and is not yet collected by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
