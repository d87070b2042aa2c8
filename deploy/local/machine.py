"""Machine: programs and their versions, memory, disk and clock of this machine. It reads only, and never waits long."""

import ctypes
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from deploy.local.packages import which

_ASK_S = 10
_VERSION = re.compile(r"\d+(?:\.\d+)+")
#: adjtimex(2): the result for a clock that no time service keeps, and enough room for its structure.
_TIME_ERROR = 5
_TIMEX_BYTES = 1024


def version(program: str) -> str | None:
    """Return `7.0.15`, or `present` if the program names no version, or None if it is not installed."""
    path = which(program)
    if path is None:
        return None
    for option in ("--version", "version", "-v"):
        done = _ask(path, option)
        if done and (found := _VERSION.search(done.stdout + done.stderr)):
            return found[0]
    return "present"


def docker_works() -> bool:
    """Return whether a Docker engine answers this user, and compose v2 is installed."""
    asked = (_ask("docker", "info"), _ask("docker", "compose", "version"))
    return all(done is not None and done.returncode == 0 for done in asked)


def _ask(*command: str) -> "subprocess.CompletedProcess[str] | None":
    options: dict[str, Any] = {"capture_output": True, "text": True, "errors": "replace", "check": False}
    try:
        return subprocess.run(command, timeout=_ASK_S, stdin=subprocess.DEVNULL, **options)
    except (OSError, subprocess.TimeoutExpired):
        return None


def memory_available_mib() -> int:
    """Return the memory that a new program could have without swapping."""
    return int(Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]) // 1024


def disk_free_gib(folder: Path) -> float:
    """Return the free disk space for an ordinary user where `folder` is."""
    return shutil.disk_usage(folder).free / 2**30


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def clock_is_synchronized() -> bool:
    """Return whether a time service keeps this machine's clock, as far as the kernel knows."""
    answer: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return answer != _TIME_ERROR
