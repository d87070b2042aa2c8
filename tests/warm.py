"""Warm: a process that has imported one of our programs, and forks a new process for each start.

Importing a service takes a second and a half of a core, and the tests start hundreds. A fork runs the program's own
`__main__`, with its own environment, session and log; it reads the resources that it serves after the fork. All workers
of a run share the warm process, and the first worker that needs it makes it. When a worker ends, for whatever reason,
everything that was forked for it ends; the warm process ends with the last worker.
"""

import atexit
import gc
import hashlib
import json
import os
import runpy
import selectors
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from io import BufferedReader
from pathlib import Path

from holdfast.shared.runtime.left_out import leave_out

_POLL_S = 0.01
_END_S = 30.0
_READY = b"+"
_ROOT = str(Path(__file__).parent.parent)

#: Warm processes by address. They outlive this worker if another one needs them.
_made: dict[str, subprocess.Popen[bytes]] = {}


class Forked:
    """The part of `subprocess.Popen` that tests need."""

    def __init__(self, origin: "Warm", pid: int) -> None:
        self.pid = pid
        self._origin = origin
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while the process runs."""
        if self._code is None:
            self._code = self._origin.ask({"code_of": self.pid})
        return self._code

    def wait(self, timeout: float) -> int:
        """Wait until the process ends, and return its exit code. Raises subprocess.TimeoutExpired."""
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(_POLL_S)
        return code


class Warm:
    """The worker's connection to a warm process. For each set of imports there are two such processes, made when first
    needed, which take turns: a restart then changes what it changes in production, such as the iteration order of a
    set."""

    _of: dict[tuple[str, int], "Warm"] = {}  # noqa: RUF012 - shared on purpose
    _making = threading.Lock()

    def __init__(self, imports: str, turn: int, program: str = __name__) -> None:
        self._connection = _connected(imports, turn, program)
        self._stream = self._connection.makefile("rwb")
        self._asking = threading.Lock()
        atexit.register(self.end)

    @classmethod
    def of(cls, imports: str, starts: int = 0) -> "Warm":
        """Return the connection to the process that has imported these modules. `starts`: how often the program was
        started before."""
        which = (imports, starts % 2)
        with cls._making:
            return cls._of.setdefault(which, cls._of.get(which) or cls(*which))

    def run(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], deadline_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Start the program as `start` does, and wait until it ends."""
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
        """Start `python -m <module> <arguments>`. The module may be one that makes ours misbehave. `errors`: a separate
        file for stderr, by default the log."""
        wish = {
            "module": module, "arguments": arguments, "environment": dict(environment),
            "log": str(log), "errors": str(errors or log),
        }  # fmt: skip
        pid = self.ask(wish)
        assert pid
        return Forked(self, pid)

    def ask(self, wish: Mapping[str, object]) -> int | None:
        """Send one line, and return the answer, which is one line too."""
        with self._asking:
            self._stream.write(json.dumps(wish).encode() + b"\n")
            self._stream.flush()
            answer: int | None = json.loads(self._stream.readline())
            return answer

    def end(self) -> None:
        """Disconnect, and return when everything that was forked for this worker has ended."""
        atexit.unregister(self.end)
        self._connection.shutdown(socket.SHUT_WR)
        self._connection.settimeout(_END_S)
        self._stream.read()
        self._stream.close()
        self._connection.close()


def _connected(imports: str, turn: int, program: str) -> socket.socket:
    """Return a connection to this run's process that has imported these modules. It is made if there is none. Its
    address is an abstract socket, which vanishes with the process."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    which = repr((run, _ROOT, sys.executable, imports, turn, program)).encode()
    address = f"\0holdfast-warm-{hashlib.sha256(which).hexdigest()}"
    while True:
        connection = socket.socket(socket.AF_UNIX)
        with suppress(ConnectionError):
            connection.connect(address)
            if connection.recv(len(_READY)):
                return connection
        connection.close()
        _make(address, imports, program)


def _make(address: str, imports: str, program: str) -> None:
    """Make the process, unless another worker is making it or the previous one is about to end."""
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(address)
        except OSError:
            time.sleep(_POLL_S)
            return
        if address in _made:
            assert _made[address].wait(_END_S) == 0, "a warm process has failed; its error is in the output"
        listener.listen()
        command = [sys.executable, "-m", program, *shlex.split(imports)]
        _made[address] = subprocess.Popen(
            command, cwd=_ROOT, start_new_session=True, stdin=listener, stdout=subprocess.DEVNULL
        )


class _Origin:
    """The warm process. It forks on behalf of the connected workers, and ends when the last one has disconnected."""

    def __init__(self) -> None:
        self._listener = socket.socket(fileno=sys.stdin.fileno())
        self._asking = selectors.DefaultSelector()
        self._asking.register(self._listener, selectors.EVENT_READ)
        #: The exit codes of the forks of each connection, by process id; None while a fork runs.
        self._codes: dict[socket.socket, dict[int, int | None]] = {}

    def serve(self) -> None:
        """Serve until no worker is connected. Returns in each fork as well, when its program has ended."""
        while True:
            for key, _ in self._asking.select():
                if key.fileobj is self._listener:
                    self._welcome()
                elif self._answer(key.fileobj, key.data):
                    return
            if not self._codes:
                return

    def _welcome(self) -> None:
        connection, _ = self._listener.accept()
        self._codes[connection] = {}
        self._asking.register(connection, selectors.EVENT_READ, connection.makefile("rb"))
        _send(connection, _READY)

    def _answer(self, connection: socket.socket, stream: BufferedReader) -> bool:
        """Handle one request, and return whether this process is a fork."""
        codes = self._codes[connection]
        try:
            wish = json.loads(stream.readline() or "null")
        except ConnectionError:
            wish = None
        if wish is None:
            self._part(connection, stream)
            return False
        if "code_of" in wish:
            self._look()
            answer = codes[wish["code_of"]]
        elif (answer := os.fork()) == 0:
            self._let_go()
            _become(**wish)
            return True
        else:
            codes[answer] = None
        _send(connection, json.dumps(answer).encode() + b"\n")
        return False

    def _part(self, connection: socket.socket, stream: BufferedReader) -> None:
        self._look()
        for pid, code in self._codes.pop(connection).items():
            if code is None:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        self._asking.unregister(connection)
        stream.close()
        connection.close()

    def _look(self) -> None:
        """Collect the exit codes of forks that have ended."""
        for codes in self._codes.values():
            for pid in [pid for pid, code in codes.items() if code is None]:
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    codes[pid] = os.waitstatus_to_exitcode(status)

    def _let_go(self) -> None:
        """Close what a fork has no use for."""
        for key in list(self._asking.get_map().values()):
            if key.data:
                key.data.close()
            key.fileobj.close()
        self._asking.close()


def _send(connection: socket.socket, what: bytes) -> None:
    with suppress(ConnectionError):  # a closed connection shows at the next read
        connection.sendall(what)


def serve_forks() -> None:
    """Fork whenever a test process asks for it. The standard input of this process is the socket that `_make` bound."""
    gc.collect()
    gc.freeze()  # the collector of a fork would write to, and so copy, every page of what is imported
    # so that a reader of our parent's output need not wait for this process
    os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
    _Origin().serve()


def _serve(imports: Sequence[str]) -> None:
    leave_out()
    for module in imports:
        import_module(module)
    serve_forks()


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
