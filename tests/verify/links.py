"""Links: the proxies between services and stores, in a process of their own, so that no client's work delays them."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from deploy.faults.faults import Faults
from deploy.faults.proxy import Proxy

_ROOT = Path(__file__).parent.parent.parent
_END_S = 30.0


class Links:
    """Controls that process: one line there, one line back."""

    def __init__(
        self, targets: Mapping[str, str], python: Sequence[str] = (sys.executable,), listen: str = "127.0.0.1:0"
    ) -> None:
        """Start the process. `targets`: the name of each link, and the host:port that it leads to. `python`: the
        command of the process. `listen`: host:port of the first link, with the next ports for the others; 0 for any
        free ports."""
        self._asking = threading.Lock()
        self._process = subprocess.Popen(
            [*python, "-m", __name__, json.dumps(targets), listen],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        #: Name -> the port to connect to.
        self.ports: dict[str, int] = self._answer()

    def set(self, name: str, faults: Faults) -> None:
        """Put faults in force before returning."""
        self._ask({"link": name, "faults": faults.to_json()})

    def heal(self, name: str) -> int:
        """End all faults, and return the number of lost replies."""
        return int(self._ask({"link": name, "faults": {}}))

    def end(self) -> None:
        """End the process, with all connections."""
        self._process.communicate(timeout=_END_S)

    def _ask(self, wish: Mapping[str, Any]) -> Any:
        with self._asking:
            assert self._process.stdin
            self._process.stdin.write(json.dumps(wish).encode() + b"\n")
            self._process.stdin.flush()
            return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


class NoLinks(Links):
    """Stands in where no connection can be cut."""

    def __init__(self) -> None:
        self.ports = {}

    def end(self) -> None:
        """Do nothing."""


async def _serve(targets: Mapping[str, str], listen: str) -> None:
    host, _, first = listen.rpartition(":")
    async with AsyncExitStack() as stack:
        proxies = {}
        for place, (name, target) in enumerate(targets.items()):
            to, _, port = target.rpartition(":")
            proxy = Proxy(to, int(port), host, int(first) and int(first) + place)
            proxies[name] = await stack.enter_async_context(proxy)
        print(json.dumps({name: proxy.port for name, proxy in proxies.items()}), flush=True)  # noqa: T201 - to us
        while line := await asyncio.to_thread(sys.stdin.readline):
            wish = json.loads(line)
            proxy = proxies[wish["link"]]
            lost = proxy.lost_replies
            await proxy.set(Faults.from_json(wish["faults"]))
            print(lost, flush=True)  # noqa: T201 - to us


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1]), sys.argv[2]))
