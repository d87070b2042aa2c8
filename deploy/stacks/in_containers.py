"""Programs that run inside a container to break it: a CPU burner, a memory hog, and clients of the stores."""

from typing import Any

from deploy.local.output import Problem
from deploy.stacks.engine import docker

_FLAG = "/tmp/chaos-burner"  # noqa: S108 - in a container, on a file system of its own
#: Burns CPU until its flag is removed, for `{seconds}` at most.
_BURN = f"""
import os, time
open({_FLAG!r}, "w").close()
end = time.monotonic() + {{seconds}}
while time.monotonic() < end and os.path.exists({_FLAG!r}):
    for _ in range(100000): pass
"""
#: Makes the service the kernel's first victim. `{megabytes}` is more than the container may have.
_HOG = """
import time
open("/proc/1/oom_score_adj", "w").write("1000")
held = []
for _ in range({megabytes}):
    held.append(b"x" * 1048576)
    time.sleep(0.002)
time.sleep(5)
"""
#: Selects all connections except the administrator's own.
_KILL_ALL = """
export MYSQL_PWD="$(cat /run/holdfast/mysql/root_password)"
mysql -h 127.0.0.1 -u root -N -e 'SHOW PROCESSLIST' | while read -r id user rest; do
case "$user" in holdfast_*) echo "KILL $id;";; esac; done |
mysql -h 127.0.0.1 -u root --force 2>/dev/null; true
"""
#: Runs redis-cli as the operator. The password stays in the container.
_CLI = 'REDISCLI_AUTH="$(cat /run/holdfast/redis/operator)" exec redis-cli --user operator "$@"'
_MIB = 1024 * 1024


def burn(container: str, seconds: float) -> None:
    """Burn all the CPU that the container gets, for at most so long."""
    docker("exec", "--detach", container, "python", "-c", _BURN.format(seconds=seconds))


def stop_burning(container: str) -> list[str]:
    """Return the arguments of `docker` that end the burner."""
    return ["exec", container, "rm", "-f", _FLAG]


def starve(container: dict[str, Any]) -> None:
    """Take more memory than the container may have."""
    limit = container["HostConfig"]["Memory"]
    if not limit:
        raise Problem(f"{container['Name']} has no memory limit: a hog in it would take the host's memory")
    docker("exec", "--detach", container["Id"], "python", "-c", _HOG.format(megabytes=limit // _MIB + 64))


def end_connections(program: str, container: str) -> None:
    """Close a store's connections at the server. It keeps its address, so they would otherwise bypass a new proxy."""
    if program == "database":
        docker("exec", container, "sh", "-c", _KILL_ALL)
        return
    for kind in ("normal", "pubsub"):
        docker(*redis_cli(container), "-e", "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")


def redis_cli(container: str) -> list[str]:
    """Return the arguments of `docker` for redis-cli."""
    return ["exec", container, "sh", "-c", _CLI, "redis-cli"]
