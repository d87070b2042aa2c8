"""`python -m tests.bench.contestants.serve <module> <port>`: serves a peer's `app` with the server settings of our
services."""

import importlib
import sys

import uvicorn

from holdfast.shared.http.server import config
from holdfast.shared.runtime import memory
from holdfast.shared.runtime.bounds import Bounds


def main() -> None:
    """Serve until SIGTERM. The peers get the same garbage-collector settings as our services."""
    app = importlib.import_module(f"tests.bench.contestants.{sys.argv[1]}").app
    memory.settle()
    uvicorn.Server(config(app, "127.0.0.1", int(sys.argv[2]), drain_s=1, bounds=Bounds())).run()


if __name__ == "__main__":
    main()
