"""Sentinels, and the nodes of the queue that they watch. Their configurations belong to the stack, because Redis
rewrites them when another node becomes the primary."""

import re
import subprocess
from pathlib import Path

from deploy.local.nodes import Node, data_folder, sentinels, stores
from deploy.local.output import Problem
from deploy.local.packages import find
from deploy.local.places import CONF, REPO, write_private
from deploy.local.secret import secret
from deploy.local.settings import LOOPBACK, StackSettings

#: The name under which they watch the primary.
NAME = "queue"
_QUORUM = 2
#: Milliseconds without an answer after which a node counts as down, and after which a failover is tried with another
#: node.
_DOWN_MS, _FAILOVER_MS = 3_000, 15_000
_ASK_S = 5
_WATCHED = re.compile(rf"^sentinel monitor {NAME} \S+ (\d+) ", re.MULTILINE)
_EPOCH = re.compile(rf"^sentinel config-epoch {NAME} (\d+)", re.MULTILINE)
_PORT = re.compile(r"^port (\d+)", re.MULTILINE)


def password() -> str:
    """Return the password with which a client asks a Sentinel."""
    return secret("sentinel_password")


def primary_port(settings: StackSettings) -> int:
    """Return the port of the queue's primary, as a Sentinel knows it. Raises Problem."""
    for node in sentinels(settings):
        command = [find("redis-cli"), "-h", LOOPBACK, "-p", str(node.port), "--raw", "SENTINEL"]
        try:
            done = subprocess.run(
                [*command, "get-master-addr-by-name", NAME],
                capture_output=True,
                text=True,
                timeout=_ASK_S,
                check=False,
                env={"REDISCLI_AUTH": password()},
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        lines = done.stdout.split()
        if done.returncode == 0 and lines and lines[-1].isdecimal():
            return int(lines[-1])
    raise Problem("no Sentinel knows the queue's primary", "make status", "make logs ONLY=sentinel")


def command(node: Node) -> tuple[str, ...]:
    """Return the command of a Sentinel in the foreground."""
    return (find("redis-server"), str(_config(node.name)), "--sentinel")


def node_command(node: Node) -> tuple[str, ...]:
    """Return the command of a node of the queue in the foreground."""
    return (find("redis-server"), str(_config(node.name)))


def write_config(settings: StackSettings, acl_file: str, logins: dict[str, tuple[str, str]]) -> None:
    """Write the configurations of every node and every Sentinel, while they do not run. The primary stays the same.
    `logins`: user and password of `replica` and `sentinel`."""
    nodes = stores(settings, "queue")
    primary = nodes[_last_primary(settings, nodes)]
    for node in nodes:
        folder = data_folder(settings) / node.name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(_config(node.name), _of_node(node, primary, folder, acl_file, logins["replica"]))
    for node in sentinels(settings):
        folder = data_folder(settings) / node.name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(_config(node.name), _of_sentinel(node, primary, folder, logins["sentinel"]))


def _of_node(node: Node, primary: Node, folder: Path, acl_file: str, login: tuple[str, str]) -> str:
    follow = "" if node == primary else f"replicaof {LOOPBACK} {primary.port}\n"
    return f"""\
include "{REPO / "deploy" / "redis" / "queue.conf"}"
port {node.port}
bind {LOOPBACK}
dir "{folder}"
aclfile "{acl_file}"
masteruser {login[0]}
masterauth {login[1]}
repl-diskless-sync-delay 0
{follow}"""


def _of_sentinel(node: Node, primary: Node, folder: Path, login: tuple[str, str]) -> str:
    return f"""\
port {node.port}
bind {LOOPBACK}
dir "{folder}"
requirepass {password()}
sentinel sentinel-pass {password()}
sentinel monitor {NAME} {LOOPBACK} {primary.port} {_QUORUM}
sentinel auth-user {NAME} {login[0]}
sentinel auth-pass {NAME} {login[1]}
sentinel down-after-milliseconds {NAME} {_DOWN_MS}
sentinel failover-timeout {NAME} {_FAILOVER_MS}
"""


def _last_primary(settings: StackSettings, nodes: list[Node]) -> int:
    """Return the number of the last primary, from the newest configuration that a Sentinel wrote. It is found by
    number, because the ports may have changed."""
    ports = [int(found[1]) if (found := _PORT.search(_text(node.name))) else 0 for node in nodes]
    known = []
    for text in (_text(node.name) for node in sentinels(settings)):
        watched, epoch = _WATCHED.search(text), _EPOCH.search(text)
        if watched and int(watched[1]) in ports:
            known.append((int(epoch[1]) if epoch else 0, ports.index(int(watched[1]))))
    return max(known, default=(0, 0))[1]


def _config(name: str) -> Path:
    return CONF / f"{name}.conf"


def _text(name: str) -> str:
    path = _config(name)
    return path.read_text() if path.exists() else ""
