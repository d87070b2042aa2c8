"""`python -m tests.bench.contestants.serve <module> <port>`: a peer's `app`, under our services' server settings."""

import importlib
import sys

import uvicorn

from holdfast.shared.http.server import config
from holdfast.shared.runtime import memory
from holdfast.shared.runtime.bounds import Bounds


def main() -> None:
    """Until SIGTERM. What we do about the garbage collector is done for the peers too."""
    app = importlib.import_module(f"tests.bench.contestants.{sys.argv[1]}").app
    memory.settle()
    uvicorn.Server(config(app, "127.0.0.1", int(sys.argv[2]), drain_s=1, bounds=Bounds())).run()


if __name__ == "__main__":
    main()
