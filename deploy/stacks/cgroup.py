"""Control groups: CPU and memory limits for running processes, with version 1 or 2 of the kernel's interface. Needs
root."""

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from deploy.local.output import Problem

_ROOT = Path("/sys/fs/cgroup")
_PERIOD_US = 100_000
_GONE_S = 5.0
Controller = Literal["cpu", "memory"]


def plan(controller: Controller, name: str, pids: Iterable[int]) -> dict[str, object]:
    """Return the journal entry that undoes `make` with the same arguments: {"how": "cgroup", ...}. Raises Problem if
    this host cannot do it."""
    if os.geteuid() != 0:
        raise Problem("limits of CPU and memory need root", "sudo make chaos-...", "or STACK=docker")
    hierarchy = _hierarchy(controller)
    back = {str(pid): str(hierarchy) + _group_of(pid, controller) for pid in pids}
    return {"how": "cgroup", "folder": str(hierarchy / name), "back": back}


def make(undo: dict[str, object], controller: Controller, limit: float) -> None:
    """Make the group, with the processes in it, and return it. `limit`: cores, or bytes."""
    folder = Path(str(undo["folder"]))
    folder.mkdir()
    if _is_v2(folder):
        line = f"{int(limit * _PERIOD_US)} {_PERIOD_US}" if controller == "cpu" else str(int(limit))
        (folder / f"{controller}.max").write_text(line)
    elif controller == "cpu":
        (folder / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
        (folder / "cpu.cfs_quota_us").write_text(str(int(limit * _PERIOD_US)))
    else:
        (folder / "memory.limit_in_bytes").write_text(str(int(limit)))
    back = undo["back"]
    for pid in back if isinstance(back, dict) else ():
        join(undo, int(pid))


def join(undo: dict[str, object], pid: int) -> None:
    """Move this process into the group."""
    (Path(str(undo["folder"])) / "cgroup.procs").write_text(str(pid))


def remove(undo: dict[str, object]) -> None:
    """Move every process back to its former group, and remove the group. Processes that were started inside move to the
    parent group."""
    folder, back = Path(str(undo["folder"])), undo["back"]
    deadline = time.monotonic() + _GONE_S
    while folder.exists():
        for pid in (folder / "cgroup.procs").read_text().split():
            home = Path(back[pid]) if isinstance(back, dict) and pid in back else folder.parent
            with contextlib.suppress(ProcessLookupError):
                (home / "cgroup.procs").write_text(pid)
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)  # a process stays in the group for a moment after its end


def prefer_as_victim(pid: int) -> None:
    """Make this process the kernel's first victim when memory runs out."""
    Path(f"/proc/{pid}/oom_score_adj").write_text("1000")


def _is_v2(folder: Path) -> bool:
    return (folder / "cgroup.events").exists()


def _hierarchy(controller: Controller) -> Path:
    if (_ROOT / controller / "cgroup.procs").exists():
        return _ROOT / controller
    controllers = _ROOT / "cgroup.subtree_control"
    if not controllers.exists():
        raise Problem(f"there are no control groups for {controller} under {_ROOT}", "or STACK=docker")
    if controller not in controllers.read_text().split():
        controllers.write_text(f"+{controller}")
    return _ROOT


def _group_of(pid: int, controller: Controller) -> str:
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if controller in controllers.split(",") or (number == "0" and not (_ROOT / controller).exists()):
            return path
    return "/"
