"""The machine and the versions, without which a measurement means nothing."""

import os
import platform
import subprocess
import time
from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile

from tests.bench.process import ROOT

_PACKAGES = (
    "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic", "orjson", "redis", "hiredis", "faststream",
    "sqlalchemy", "pymysql", "celery", "taskiq", "taskiq-redis",
)  # fmt: skip
_FSYNC_SAMPLES = 50


def describe(cores: Collection[int]) -> dict[str, str]:
    """Return name -> value, in the order to show."""
    packages = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    return {
        "Date": time.strftime("%Y-%m-%d"),
        "Revision": _revision(),
        "Cores used": f"{len(cores)} of {os.cpu_count()}",
        "CPU": _line("/proc/cpuinfo", "model name"),
        "Memory": f"{int(_line('/proc/meminfo', 'MemTotal').split()[0]) / 1024**2:.1f} GiB",
        "Kernel": f"{platform.system()} {platform.release()}",
        "fsync": f"{_fsync_ms():.2f} ms (median of {_FSYNC_SAMPLES}, in the stores' folder)",
        "Load before": f"{os.getloadavg()[0]:.2f}",
        "Python": platform.python_version(),
        "Redis": _output("redis-server", "--version"),
        "Database": _output("mariadbd", "--version"),
        "wrk": _output("wrk", "--version"),
        "Packages": packages,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _line(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"


def _output(*command: str) -> str:
    """Return the first line that a program prints."""
    environment = os.environ | {"PATH": os.environ.get("PATH", "") + ":/usr/sbin"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, env=environment)
    except OSError:
        return "absent"
    return next(iter((done.stdout + done.stderr).splitlines()), "unknown").strip()


def _revision() -> str:
    try:
        git = ("git", "-C", str(ROOT))
        head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, timeout=10)
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, timeout=10)
    except OSError:
        return "unknown"
    return (head.stdout.strip() or "unknown") + (" with local changes" if changed.stdout.strip() else "")


def _fsync_ms() -> float:
    took = []
    with NamedTemporaryFile(prefix="holdfast-bench-") as file:
        for _ in range(_FSYNC_SAMPLES):
            os.write(file.fileno(), b"x" * 512)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return median(took) * 1000
