"""An api whose resolver does not answer for the name `database.test` while the file HANGS exists; otherwise the name
resolves to 127.0.0.1."""

import os
import runpy
import socket
import time
from typing import Any

_ask = socket.getaddrinfo


def _answer(host: Any, *rest: Any, **more: Any) -> Any:
    if host != "database.test":
        return _ask(host, *rest, **more)
    while os.path.exists(os.environ["HANGS"]):
        time.sleep(0.05)
    return _ask("127.0.0.1", *rest, **more)


if __name__ == "__main__":
    socket.getaddrinfo = _answer
    runpy.run_module("holdfast.services.api", run_name="__main__", alter_sys=True)
