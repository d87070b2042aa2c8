"""`python -m deploy.local.galera NODE`: become a node of the stack's Galera cluster.

A node begins a cluster only if it is certain to have the last write: it is the first node of a new cluster, or was the
last one to leave, as Galera or `prepare` has noted. It makes the users, too. Any other joins, and waits for those that
it knew: after a crash of all of them Galera restores the cluster when they meet again.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.local import database
from deploy.local.nodes import Node, data_folder, stores
from deploy.local.output import Problem
from deploy.local.packages import PROVIDER, find, which
from deploy.local.places import CONF, write_private
from deploy.local.processes import Process
from deploy.local.progress import during
from deploy.local.settings import LOOPBACK, StackSettings, saved

_STATE = "grastate.dat"
#: A killed node does not record its position. InnoDB does.
_UNKNOWN = re.compile(r"^seqno:\s*-1$", re.MULTILINE)
_KNOWN = re.compile(r"^seqno:\s*(\d+)$", re.MULTILINE)
_ANY = re.compile(r"^safe_to_bootstrap:.*$", re.MULTILINE)
_LAST = re.compile(r"^safe_to_bootstrap:\s*1$", re.MULTILINE)
_RECOVERED = re.compile(r"WSREP: Recovered position:?\s*(\S+)")
_RECOVER_S = 120
_IN_STEP_S, _ASK_S, _POLL_S = 120.0, 10.0, 0.3
#: Our scripts that Galera runs, and the line of Galera's own script that they change.
_SCRIPTS = CONF / "galera"
_CHROOT = "use chroot = no"
#: Ports of one node: for the cluster, for missed transactions, and for a full copy.
_EACH = 3


def command(settings: StackSettings, name: str) -> tuple[str, ...]:
    """Return the command of this node's server in the foreground."""
    nodes = stores(settings, "database")
    node = next(each for each in nodes if each.name == name)
    states = [_state(data_folder(settings) / each.name) for each in nodes]
    mine = states[nodes.index(node)]
    base = (*database.server(settings, node), *_options(settings, nodes, node))
    if begins(mine, first=node == nodes[0], others=[state for state in states if state is not mine]):
        return (*base, "--wsrep-new-cluster", f"--init-file={database.USERS}")
    if mine and _UNKNOWN.search(mine) and (position := recovered(base)):
        return (*base, f"--wsrep-start-position={position}")
    return base


def prepare(settings: StackSettings) -> None:
    """If every node has left and none recorded that it was the last, record it for the node with the most transactions.
    This is done only while none of them runs and all of them are here. Raises Problem."""
    nodes = stores(settings, "database")
    folders = [data_folder(settings) / node.name for node in nodes]
    states = [_state(folder) for folder in folders]
    restores = any((folder / "gvwstate.dat").exists() for folder in folders)
    if not settings.ha or restores or not any(states) or any(state and _LAST.search(state) for state in states):
        return
    with during("looking for the node with the last write"):
        last = max(nodes, key=lambda node: _position(settings, nodes, node))
    path = folders[nodes.index(last)] / _STATE
    path.write_text(_ANY.sub("safe_to_bootstrap: 1", path.read_text()))


def _position(settings: StackSettings, nodes: list[Node], node: Node) -> int:
    state = _state(data_folder(settings) / node.name)
    if not state:
        return -1
    if not _UNKNOWN.search(state) and (known := _KNOWN.search(state)):
        return int(known[1])
    position = recovered((*database.server(settings, node), *_options(settings, nodes, node)))
    return int(position.rpartition(":")[2]) if position else -1


def begins(mine: str | None, *, first: bool, others: list[str | None]) -> bool:
    """Return whether a node begins the cluster, from the states that Galera keeps in its folder and in those of the
    others. A state of None means that the node was never in a cluster."""
    if mine is None:
        return first and not any(others)
    return _LAST.search(mine) is not None


def ports(settings: StackSettings, node: Node) -> tuple[tuple[str, int, str], ...]:
    """Return where a node listens, besides its clients' port, as (host, port, setting)."""
    if not settings.ha:
        return ()
    first = settings.galera_port + _EACH * stores(settings, "database").index(node)
    return tuple((LOOPBACK, port, "GALERA_PORT") for port in range(first, first + _EACH))


def _state(folder: Path) -> str | None:
    path = folder / _STATE
    return path.read_text() if path.exists() else None


def _options(settings: StackSettings, nodes: list[Node], node: Node) -> tuple[str, ...]:
    (_, own, _), (_, missed, _), (_, copies, _) = ports(settings, node)
    members = ",".join(f"{LOOPBACK}:{ports(settings, each)[0][1]}" for each in nodes)
    return (
        "--wsrep-on=ON",
        f"--wsrep-provider={PROVIDER}",
        "--wsrep-cluster-name=holdfast",
        f"--wsrep-cluster-address=gcomm://{members}",
        f"--wsrep-node-name={node.name}",
        f"--wsrep-node-address={LOOPBACK}:{own}",
        f"--wsrep-provider-options=gmcast.listen_addr=tcp://{LOOPBACK}:{own};ist.recv_addr={LOOPBACK}:{missed}",
        f"--wsrep-sst-receive-address={LOOPBACK}:{copies}",
        f"--wsrep-sst-method={_copy_method()}",
        "--binlog-format=ROW",
        "--innodb-autoinc-lock-mode=2",
    )


def recovered(server: Sequence[str]) -> str | None:
    """Return the position of the last transaction in the node's data, as `uuid:number`."""
    done = subprocess.run(
        [*server, "--wsrep-recover"], capture_output=True, text=True, errors="replace", timeout=_RECOVER_S, check=False
    )
    found = _RECOVERED.search(done.stdout + done.stderr)
    return found[1] if found else None


def wait_in_step(settings: StackSettings) -> None:
    """Wait until every node takes statements, which is later than its greeting. Raises Problem."""
    deadline = time.monotonic() + _IN_STEP_S
    for node in stores(settings, "database") if settings.ha else ():
        client = [find("mariadb"), f"--socket={database.socket(node.name)}", "--batch", "--skip-column-names"]
        while "ON" not in _output([*client, "-e", "SHOW STATUS LIKE 'wsrep_ready'"]).split():
            if time.monotonic() > deadline:
                raise Problem(f"{node.name} is not in the cluster after {_IN_STEP_S:.0f} s", "make logs ONLY=mariadb")
            time.sleep(_POLL_S)


def _output(command: Sequence[str]) -> str:
    """Return the output of a command, or an empty text if it fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_S, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def copying(settings: StackSettings) -> list[Process]:
    """Return the processes that received a full copy for a node which was killed meanwhile. They outlive it."""
    ours = {str(data_folder(settings) / node.name / "rsync_sst.conf").encode() for node in stores(settings, "database")}
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else ()
        except OSError:
            continue  # the process has ended
        if not ours.isdisjoint(command):
            found.append(Process.of(int(entry.name)))
    return [process for process in found if process]


def _copy_method() -> str:
    """Return how a node gets a full copy. rsync's daemon writes as `nobody` when root starts it, so root uses a script
    of its own: Galera's with one more setting."""
    if os.geteuid() != 0:
        return "rsync"
    shipped = Path(which("wsrep_sst_rsync") or "/usr/bin/wsrep_sst_rsync")
    _SCRIPTS.mkdir(mode=0o700, exist_ok=True)
    script = _SCRIPTS / "wsrep_sst_rsync_as_root"
    write_private(script, shipped.read_text().replace(_CHROOT, f"{_CHROOT}\nuid = root\ngid = root"))
    script.chmod(0o700)
    common = _SCRIPTS / "wsrep_sst_common"
    common.unlink(missing_ok=True)
    common.symlink_to(shipped.with_name(common.name))
    return "rsync_as_root"


def main(name: str) -> None:
    """Become the server; never returns."""
    server = command(saved(), name)
    path = f"{_SCRIPTS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.execvpe(server[0], server, os.environ | {"PATH": path})  # noqa: S606 - the stack's own command line


if __name__ == "__main__":
    main(sys.argv[1])
