"""Warm: a process that has imported one of our programs, and forks a new process of it for each start.

To import a service takes a second and a half of a core, and the tests start hundreds. What a fork runs is the
program's own `__main__`, with an environment, a session and a log of its own; the resources that it serves are read
there, not before. All workers of a run share it: who asks first makes it. When a worker ends, however it ends,
everything that was forked for it ends; with the last worker this process does.
"""

import atexit
import gc
import hashlib
import json
import os
import runpy
import selectors
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

#: By their addresses. They outlive us if another worker needs them.
_made: dict[str, subprocess.Popen[bytes]] = {}


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

    def __init__(self, imports: str, turn: int) -> None:
        self._connection = _connected(imports, turn)
        self._stream = self._connection.makefile("rwb")
        self._asking = threading.Lock()
        atexit.register(self.end)

    @classmethod
    def of(cls, imports: str, starts: int = 0) -> "Warm":
        """The one that has imported these modules. `starts`: how often the program was started before."""
        which = (imports, starts % 2)
        with cls._making:
            return cls._of.setdefault(which, cls._of.get(which) or cls(*which))

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
        with self._asking:
            self._stream.write(json.dumps(wish).encode() + b"\n")
            self._stream.flush()
            answer: int | None = json.loads(self._stream.readline())
            return answer

    def end(self) -> None:
        """Returns when what was forked for us has ended."""
        atexit.unregister(self.end)
        self._connection.shutdown(socket.SHUT_WR)
        self._connection.settimeout(_END_S)
        self._stream.read()
        self._stream.close()
        self._connection.close()


def _connected(imports: str, turn: int) -> socket.socket:
    """To the process of this run that has imported these; it is made if there is none. Its address is gone with it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    which = repr((run, _ROOT, sys.executable, imports, turn)).encode()
    address = f"\0holdfast-warm-{hashlib.sha256(which).hexdigest()}"
    while True:
        connection = socket.socket(socket.AF_UNIX)
        with suppress(ConnectionError):
            connection.connect(address)
            if connection.recv(len(_READY)):
                return connection
        connection.close()
        _make(address, imports)


def _make(address: str, imports: str) -> None:
    """Unless another worker does, or one is about to end."""
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(address)
        except OSError:
            time.sleep(_POLL_S)
            return
        if address in _made:
            assert _made[address].wait(_END_S) == 0, "a warm process has failed; its error is in the output"
        listener.listen()
        command = [sys.executable, "-m", __name__, *imports.split()]
        _made[address] = subprocess.Popen(
            command, cwd=_ROOT, start_new_session=True, stdin=listener, stdout=subprocess.DEVNULL
        )


class _Origin:
    """The warm process. Whoever is connected has it fork, until the last of them is gone."""

    def __init__(self) -> None:
        self._listener = socket.socket(fileno=sys.stdin.fileno())
        self._asking = selectors.DefaultSelector()
        self._asking.register(self._listener, selectors.EVENT_READ)
        #: Of what was forked for each connection; None while it runs.
        self._codes: dict[socket.socket, dict[int, int | None]] = {}

    def serve(self) -> None:
        """Returns in a fork as well, when its program has ended."""
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
        """Whether we are a fork."""
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
        """For what has ended."""
        for codes in self._codes.values():
            for pid in [pid for pid, code in codes.items() if code is None]:
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    codes[pid] = os.waitstatus_to_exitcode(status)

    def _let_go(self) -> None:
        """What a fork has no use for."""
        for key in list(self._asking.get_map().values()):
            if key.data:
                key.data.close()
            key.fileobj.close()
        self._asking.close()


def _send(connection: socket.socket, what: bytes) -> None:
    with suppress(ConnectionError):  # that it is gone is what is read from it next
        connection.sendall(what)


def _serve(imports: Sequence[str]) -> None:
    leave_out()
    for module in imports:
        import_module(module)
    gc.collect()
    gc.freeze()  # a fork's collector would write to, and so copy, every page of what is imported
    os.dup2(sys.stdout.fileno(), sys.stderr.fileno())  # whoever reads the output of who made us need not wait for us
    _Origin().serve()


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
