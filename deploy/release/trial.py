"""The trial of a wheel: it is installed in a clean environment, and every service starts from it and answers."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

from deploy.local.output import Problem, echo
from deploy.local.ports import free_port

#: Service -> the setting of its port.
SERVICES = {
    "api": "HOLDFAST_API_PORT",
    "writer": "HOLDFAST_WRITER_PORT",
    "external_proxy": "HOLDFAST_PROXY_PORT",
    "dlq_admin": "HOLDFAST_DLQ_PORT",
}
#: Addresses at which nothing listens. A service starts, and answers, without its stores.
_NO_STORES = {"DB_DSN": "mysql+pymysql://nobody:none@127.0.0.1:1/holdfast", "REDIS_ADDR": "127.0.0.1:1"}
_ALIVE_S = 180.0
_ENDS_S = 60.0


def trial(root: Path, wheel: Path) -> None:
    """Install the pinned requirements and `wheel` into a new environment, and run it there. Raises Problem."""
    with tempfile.TemporaryDirectory(prefix="holdfast-release-") as folder:
        venv = Path(folder) / "venv"
        _run(sys.executable, "-m", "venv", str(venv))
        pip = [str(venv / "bin" / "pip"), "install", "-qq", "--disable-pip-version-check"]
        echo("Installing the pinned requirements into a clean environment")
        _run(*pip, "--require-hashes", "-r", str(root / "requirements" / "local.txt"))
        _run(*pip, "--no-deps", "--no-index", str(wheel))
        run_services(venv / "bin" / "python", Path(folder))


class _Service(NamedTuple):
    """A service that runs from the wheel."""

    name: str
    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def problem(self, what: str) -> Problem:
        """Return a problem with the end of the service's log."""
        return Problem(f"{self.name} from the wheel {what}:\n{self.log.read_text()[-2000:]}")


def run_services(python: Path, folder: Path) -> None:
    """Start every service with `python`, without stores. Each must answer /livez and end on SIGTERM. Raises Problem."""
    services: list[_Service] = []
    try:
        for name, port_setting in SERVICES.items():
            services.append(_start(python, folder, name, port_setting))
        for service in services:
            _wait_until_alive(service)
            echo(f"{service.name} from the wheel answers")
        for service in services:
            service.process.send_signal(signal.SIGTERM)
        for service in services:
            _wait_until_ended(service)
    finally:
        for service in services:
            service.process.kill()
            service.process.wait()


def _start(python: Path, folder: Path, name: str, port_setting: str) -> _Service:
    port, log = free_port(), folder / f"{name}.log"
    ports = {port_setting: str(port), "HOLDFAST_DLQ_METRICS_PORT": str(free_port())}
    settings = {"PATH": os.defpath, "HOLDFAST_PROFILE": "demo", "HOLDFAST_DRAIN_S": "1"} | _NO_STORES | ports
    command = [str(python), "-m", f"holdfast.services.{name}"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=settings, stdout=output, stderr=output)
    return _Service(name, process, port, log)


def _wait_until_alive(service: _Service) -> None:
    deadline = time.monotonic() + _ALIVE_S
    while time.monotonic() < deadline and service.process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/livez", timeout=5):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise service.problem("does not answer")


def _wait_until_ended(service: _Service) -> None:
    try:
        code = service.process.wait(_ENDS_S)
    except subprocess.TimeoutExpired:
        raise service.problem("does not end on SIGTERM") from None
    if code not in (0, -signal.SIGTERM):  # uvicorn ends, then raises the signal again
        raise service.problem(f"ended with {code}")


def _run(*command: str) -> None:
    if subprocess.run(command, check=False).returncode:
        raise Problem(f"failed: {' '.join(command)}")
