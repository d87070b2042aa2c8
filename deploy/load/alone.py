"""Alone: starts a third party, an external_proxy in front of it and a Redis for them, apart from any running stack."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.local import probe
from deploy.local.output import Problem
from deploy.local.packages import find
from deploy.local.places import REPO
from deploy.local.ports import free_port
from deploy.local.settings import LOOPBACK

_START_S = 20.0
_STOP_S = 10.0
_POLL_S = 0.05


@contextmanager
def third_party() -> Iterator[str]:
    """Start a third party, and yield its base URL."""
    port = free_port()
    with _process([sys.executable, "-m", "deploy.third_party", "--port", str(port)], {}, port, probe.http_ok("/livez")):
        yield f"http://{LOOPBACK}:{port}"


@contextmanager
def redis() -> Iterator[str]:
    """Start a Redis that stores nothing on disk, and yield its address."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="holdfast-load-") as folder:
        command = [find("redis-server"), "--port", str(port), "--bind", LOOPBACK, "--dir", folder, "--save", ""]
        with _process(command, {}, port, probe.redis()):
            yield f"{LOOPBACK}:{port}"


@contextmanager
def external_proxy(redis_address: str, third_party_url: str, config: Mapping[str, Any]) -> Iterator[str]:
    """Start an external_proxy, and yield its base URL. None of its breakers remembers anything."""
    port = free_port()
    env = {
        "REDIS_ADDR": redis_address,
        "HOLDFAST_CACHE_REDIS_ADDR": redis_address,
        "HOLDFAST_PROFILE": "demo",
        "HOLDFAST_PROXY_THIRD_PARTY_URL": third_party_url,
        "HOLDFAST_PROXY_CONFIG": json.dumps(config),
        "HOLDFAST_PROXY_PORT": str(port),
        "HOLDFAST_INSTANCE": "proxy-load",
        "HOLDFAST_DRAIN_S": "0.1",
    }
    with _process([sys.executable, "-m", "holdfast.services.external_proxy"], env, port, probe.http_ok("/readyz")):
        yield f"http://{LOOPBACK}:{port}"


@contextmanager
def _process(
    command: list[str], env: Mapping[str, str], port: int, ready: Callable[[str, int], str | None]
) -> Iterator[None]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=REPO, env=os.environ | env, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait(process, port, ready, log.fileno())
            yield
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(_STOP_S)


def _wait(process: "subprocess.Popen[bytes]", port: int, ready: Callable[[str, int], str | None], log: int) -> None:
    deadline = time.monotonic() + _START_S
    while (missing := ready(LOOPBACK, port)) is not None:
        if process.poll() is not None or time.monotonic() > deadline:
            output = Path(f"/proc/self/fd/{log}").read_bytes()[-1000:].decode(errors="replace")
            raise Problem(f"{' '.join(map(str, process.args))}: {missing}\n{output}")  # type: ignore[arg-type]
        time.sleep(_POLL_S)
