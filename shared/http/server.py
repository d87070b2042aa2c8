"""HTTP server: uvicorn in one process, with every limit set."""

import contextlib
import resource
import socket
from collections.abc import Generator
from math import ceil
from typing import Any

import uvicorn

from holdfast.shared.http.protocol import bounded
from holdfast.shared.runtime.bounds import Bounds

#: The maximum number of connections that wait to be accepted.
_BACKLOG = 512


def config(app: Any, host: str, port: int, *, drain_s: float, bounds: Bounds) -> uvicorn.Config:
    """Return uvicorn's configuration, which is the same for every service."""
    _make_room(bounds.connections_max + bounds.connections_kept)
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=bounded(bounds),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(bounds.idle_s),
        timeout_graceful_shutdown=ceil(drain_s),
        backlog=_BACKLOG,
    )


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, for a server with several sockets. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


#: Files that are open besides connections of clients: log files, connections to dependencies.
_OTHER_FILES = 256


def _make_room(connections: int) -> None:
    """Raise the limit of open files, if it is too low for so many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class QuietServer(uvicorn.Server):
    """A server in a process that handles signals itself."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Install no signal handlers."""
        yield
