"""The HTTP server: uvicorn, one process, every limit set."""

import contextlib
from collections.abc import Generator
from typing import Any

import uvicorn


def config(app: Any, host: str, port: int, *, drain_s: float) -> uvicorn.Config:
    """uvicorn's configuration, the same for every service."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=int(drain_s),
        backlog=512,
    )


class QuietServer(uvicorn.Server):
    """A server inside a process whose signals are somebody else's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signal handlers alone."""
        yield
