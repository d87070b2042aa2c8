"""The HTTP server: uvicorn, one process, every limit set."""

import contextlib
import resource
from collections.abc import Generator
from typing import Any

import uvicorn

from shared.http.bounds import Bounds
from shared.http.protocol import bounded


def config(app: Any, host: str, port: int, *, drain_s: float, bounds: Bounds | None = None) -> uvicorn.Config:
    """uvicorn's configuration, the same for every service."""
    bounds = bounds or Bounds()
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
        timeout_graceful_shutdown=int(drain_s),
        backlog=512,
    )


#: Files, and connections to what is behind us.
_OTHER_FILES = 256


def _make_room(connections: int) -> None:
    """Every connection is an open file, and the usual limit is too low for as many as we say that we take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class QuietServer(uvicorn.Server):
    """A server inside a process whose signals are somebody else's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signal handlers alone."""
        yield
