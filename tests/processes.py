"""Processes of ours under test: started as an operator starts them, killed as an outage kills them."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.servers import START_DEADLINE_S, free_port, wait_until

ROOT = Path(__file__).parent.parent


class Service:
    """`python -m <module>` with an HTTP port that answers /livez."""

    def __init__(self, module: str, port_setting: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.port = free_port()
        self.log = folder / f"{module}-{self.port}.log"
        self._module = module
        self._environment = os.environ | environment | {port_setting: str(self.port)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self, *, wait: bool = True) -> "Service":
        """Start it; with `wait`, until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module], cwd=ROOT, env=self._environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        if wait:
            wait_until(self._answers_or_died, what=self._module)
        return self

    @property
    def running(self) -> bool:
        """Whether the process exists."""
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.running:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self.send(signal.SIGKILL)
        if self._process:
            self._process.wait(START_DEADLINE_S)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.send(signal.SIGTERM)
        assert self._process is not None
        return self._process.wait(START_DEADLINE_S)

    def _answers_or_died(self) -> bool:
        assert self.running, f"{self._module} ended:\n{self.log.read_text()[-3000:]}"
        try:
            return httpx.get(f"{self.url}/livez", timeout=1).status_code == 200
        except httpx.TransportError:
            return False


def api(folder: Path, redis_addr: str, dsn: str, **more: str) -> Service:
    """An api."""
    environment = {"REDIS_ADDR": redis_addr, "DB_DSN": dsn, "HOLDFAST_INSTANCE": "api-test"} | more
    return Service("services.api", "HOLDFAST_API_PORT", folder, environment)


def writer(
    folder: Path, redis_addr: str, dsn: str, name: str = "writer-test", module: str = "services.writer", **more: str
) -> Service:
    """A writer; `module` may name one that misbehaves on purpose."""
    environment = {"REDIS_ADDR": redis_addr, "DB_DSN": dsn, "HOLDFAST_INSTANCE": name} | more
    return Service(module, "HOLDFAST_WRITER_PORT", folder, environment)
