"""HAProxy in front of the nodes of a database: the first node that accepts connections is active, the others are
backups."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.packages import find
from tests.galera import Galera
from tests.ports import free_port
from tests.servers import PASSWORD, Server

_CONFIG = """
defaults
    mode tcp
    timeout connect 2s
    timeout client 1h
    timeout server 1h

listen database
    bind 127.0.0.1:{port}
    option tcp-check
    default-server check inter 500ms fall 2 rise 2
    default-server on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions
    {servers}
"""


class HAProxy(Server):
    """One address for all nodes. HAProxy checks only which nodes accept connections; services have to notice that a
    node refuses writes."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        self.port = free_port()
        servers = [f"server node-{n} 127.0.0.1:{port}{' backup' if n else ''}" for n, port in enumerate(ports)]
        config = folder / "haproxy.cfg"
        config.write_text(_CONFIG.format(port=self.port, servers="\n    ".join(servers)))
        super().__init__(folder, [find("haproxy"), "-db", "-f", str(config)])

    def answers(self) -> bool:
        """Return whether HAProxy listens."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def before(galera: Galera, folder: Path) -> Iterator[str]:
    """Yield the DSN of HAProxy."""
    place = folder / "haproxy"
    place.mkdir()
    proxy = HAProxy(place, [node.port for node in galera.nodes])
    try:
        proxy.start()
        yield f"mysql://holdfast:{PASSWORD}@127.0.0.1:{proxy.port}/holdfast"
    finally:
        proxy.kill()
