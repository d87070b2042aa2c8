"""The local stack as scenarios see it."""

import os
import socket
import subprocess
import time
from collections.abc import Mapping
from types import TracebackType

from deploy.announce import Announcement, Announcer, target_of
from deploy.local.outages import Outages
from deploy.local.places import LOGS, REPO, VENV_PYTHON
from deploy.local.problem import Problem
from deploy.local.programs import LOOPBACK, programs, service_env
from deploy.local.settings import StackSettings
from deploy.scenarios.ask import ask

_LEDGER_S = 60.0
_START_S = 30.0
_STOP_S = 30.0
_POLL_S = 0.1


class LocalStack:
    """Its programs, by name; `with` it, because what it starts beside them ends with it."""

    def __init__(self, settings: StackSettings, outages: Outages, fault: str, announcer: Announcer) -> None:
        """`fault`: what its outages are announced as."""
        self._settings = settings
        self._fault = fault
        self._announcer = announcer
        self._announced: dict[str, Announcement] = {}
        self._outages = outages
        self._addresses = {program.name: program.address for program in programs(settings)}
        self._beside: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "LocalStack":
        """Nothing is beside it yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End what was started."""
        for announcement in self._announced.values():
            announcement.end()
        for process in self._beside:
            process.terminate()
        for process in self._beside:
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def address(self, program: str) -> str:
        """`host:port`."""
        return self._addresses[program]

    def stop(self, names: list[str]) -> None:
        """Returns when they are gone. Raises Problem."""
        for name in names:
            self._announced[name] = self._announcer.begin(self._fault, target_of(name))
        self._outages.begin(names)

    def start(self, names: list[str]) -> None:
        """Returns when they are ready. Raises Problem."""
        self._outages.end(names)
        for name in names:
            self._announced.pop(name).end()

    def beside(self, name: str, settings: Mapping[str, str]) -> None:
        """Start an api under this name. Raises Problem."""
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = probe.getsockname()[1]
        own = {"HOLDFAST_LISTEN_HOST": LOOPBACK, "HOLDFAST_API_PORT": str(port), "HOLDFAST_INSTANCE": name}
        env = os.environ | service_env(self._settings, "api") | own | dict(settings)
        log = LOGS / f"{name}.log"
        with log.open("wb") as output:
            command = [str(VENV_PYTHON), "-m", "holdfast.services.api"]
            process = subprocess.Popen(command, cwd=REPO, env=env, stdout=output, stderr=output, start_new_session=True)
        self._beside.append(process)
        self._addresses[name] = f"{LOOPBACK}:{port}"
        deadline = time.monotonic() + _START_S
        while ask(self._addresses[name], "GET", "/readyz", None, {}).status != 200:
            if process.poll() is not None:
                raise Problem(f"{name} ended; its log: {log.relative_to(REPO)}")
            if time.monotonic() > deadline:
                raise Problem(f"{name} is not ready after {_START_S:.0f} s; its log: {log.relative_to(REPO)}")
            time.sleep(_POLL_S)

    def ledger(self) -> tuple[bool, str]:
        """As `make ledger` has it."""
        env = os.environ | service_env(self._settings, "dlq_admin") | {"HOLDFAST_LISTEN_HOST": LOOPBACK}
        command = [str(VENV_PYTHON), "-m", "holdfast.services.dlq_admin", "ledger"]
        done = subprocess.run(
            command, cwd=REPO, env=env, capture_output=True, text=True, timeout=_LEDGER_S, check=False
        )
        return done.returncode == 0, (done.stdout + done.stderr).rstrip()
