"""Warm: a process that has imported one of our programs, and forks a new process of it for each start.

To import a service takes a second and a half of a core, and the tests start hundreds. What a fork runs is the
program's own `__main__`, with an environment, a session and a log of its own; the resources that it serves are read
there, not before. When the tests end, however they end, so does this process, and everything that it has forked and
that still runs.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from holdfast.shared.runtime.left_out import leave_out

_POLL_S = 0.01
_END_S = 30.0


class Forked:
    """As much of `subprocess.Popen` as a test needs."""

    def __init__(self, origin: "Warm", pid: int) -> None:
        self.pid = pid
        self._origin = origin
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        if self._code is None:
            self._code = self._origin.ask({"code_of": self.pid})
        return self._code

    def wait(self, timeout: float) -> int:
        """The same, when it has ended. Raises subprocess.TimeoutExpired."""
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(_POLL_S)
        return code


class Warm:
    """Our end of it: two processes for what is imported, made when first needed, which take turns. What a restart
    changes, such as the order of a set, is then changed here too."""

    _of: dict[tuple[str, int], "Warm"] = {}  # noqa: RUF012 - shared on purpose
    _making = threading.Lock()

    def __init__(self, imports: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *imports.split()], cwd=Path(__file__).parent.parent,
            start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._asking = threading.Lock()
        atexit.register(self._end)

    @classmethod
    def of(cls, imports: str, starts: int = 0) -> "Warm":
        """The one that has imported these modules. `starts`: how often the program was started before."""
        which = (imports, starts % 2)
        with cls._making:
            return cls._of.setdefault(which, cls._of.get(which) or cls(imports))

    def run(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], deadline_s: float
    ) -> subprocess.CompletedProcess[str]:
        """The same as `start`, to its end."""
        with tempfile.NamedTemporaryFile() as output, tempfile.NamedTemporaryFile() as errors:
            started = self.start(module, arguments, environment, Path(output.name), Path(errors.name))
            code = started.wait(deadline_s)
            return subprocess.CompletedProcess(module, code, output.read().decode(), errors.read().decode())

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        errors: Path | None = None,
    ) -> Forked:
        """`python -m <module> <arguments>`; another module than ours may be one that makes ours misbehave. `errors`:
        what is not to go to the log."""
        wish = {
            "module": module, "arguments": arguments, "environment": dict(environment),
            "log": str(log), "errors": str(errors or log),
        }  # fmt: skip
        pid = self.ask(wish)
        assert pid
        return Forked(self, pid)

    def ask(self, wish: Mapping[str, object]) -> int | None:
        """One line there, one back."""
        assert self._process.stdin
        assert self._process.stdout
        with self._asking:
            self._process.stdin.write(json.dumps(wish).encode() + b"\n")
            self._process.stdin.flush()
            answer: int | None = json.loads(self._process.stdout.readline())
            return answer

    def _end(self) -> None:
        self._process.communicate(timeout=_END_S)


def _serve(imports: Sequence[str]) -> None:
    leave_out()
    for module in imports:
        import_module(module)
    gc.collect()
    gc.freeze()  # a fork's collector would write to, and so copy, every page of what is imported
    codes: dict[int, int | None] = {}

    def ended(*_: object) -> None:
        for pid in [pid for pid, code in codes.items() if code is None]:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                codes[pid] = os.waitstatus_to_exitcode(status)

    for line in sys.stdin:
        wish = json.loads(line)
        if "code_of" in wish:
            ended()
            answer = codes[wish["code_of"]]
        else:
            answer = os.fork()
            if answer == 0:
                _become(**wish)
                return
            codes[answer] = None
        print(json.dumps(answer), flush=True)  # noqa: T201 - to whoever asked
    for pid, code in codes.items():
        if code is None:
            os.kill(pid, signal.SIGKILL)


def _become(module: str, arguments: list[str], environment: dict[str, str], log: str, errors: str) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    outputs = [os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) for file in (log, errors)]
    for number, instead in enumerate((nothing, *outputs)):
        os.dup2(instead, number)
    here = os.environ.get("PYTHONPATH")
    os.environ.clear()
    os.environ.update(environment)
    if (path := environment.get("PYTHONPATH")) and path != here:
        sys.path[1:1] = path.split(os.pathsep)
    time.tzset()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve(sys.argv[1:])
