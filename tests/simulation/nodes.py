"""Nodes: the real services as processes of a simulation. They can be started, stopped, frozen and killed."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from holdfast.services.api.app import make_app as make_api
from holdfast.services.api.settings import ApiSettings
from holdfast.services.dlq_admin.app import DlqAdmin
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.services.external_proxy.app import make_app as make_proxy
from holdfast.services.external_proxy.settings import ProxySettings
from holdfast.services.writer.app import Writer
from holdfast.services.writer.settings import WriterSettings
from holdfast.shared.http.server import QuietServer, config
from tests.simulation.process import Process
from tests.simulation.simulation import Simulation

Main = Callable[[], Coroutine[Any, Any, None]]


class Node:
    """A machine that runs one service. Each call of `main` begins with nothing in memory."""

    def __init__(self, simulation: Simulation, name: str, main: Main) -> None:
        self._simulation = simulation
        self.name = name
        self._main = main
        #: Number of starts.
        self.incarnations = 0
        #: Whether its next process is of an older build.
        self.older = False
        self.process: Process | None = None
        self._task: asyncio.Task[Any] | None = None

    @property
    def running(self) -> bool:
        """Whether its process is alive, frozen or not."""
        return self.process is not None and self.process.alive

    def start(self) -> None:
        """Start a new process."""
        assert not self.running, f"{self.name} runs already"
        self.incarnations += 1
        self.process = process = self._simulation.process(self.name, self.incarnations)
        process.older = self.older
        self._simulation.timeline.say(self.name, "started", incarnation=self.incarnations)
        process.on_death.append(lambda: self._simulation.timeline.say(self.name, "ended"))
        self._task = self._simulation.loop.spawn(process, self._main)
        self._task.add_done_callback(lambda task: self._over(process, task))

    def kill(self, *, after_steps: int = 0) -> None:
        """Kill its process between two steps: now, or after some more steps."""
        if self.process is not None and self.running:
            if after_steps:
                self.process.dies_at_step = self.process.steps + after_steps
            else:
                self._simulation.loop.kill(self.process)

    def freeze(self) -> None:
        """Stop the process as SIGSTOP does."""
        if self.process is not None:
            self._simulation.loop.freeze(self.process)

    def thaw(self) -> None:
        """Continue the process as SIGCONT does."""
        if self.process is not None:
            self._simulation.loop.thaw(self.process)

    def stop(self) -> None:
        """End the process as SIGTERM does: it finishes its work first."""
        if self.process is not None and self.running:
            handler = self.process.handlers.get(signal.SIGTERM)
            if handler is None:
                self.kill()
            else:
                self._simulation.loop.call_soon(handler, context=self.process.base.copy())

    def _over(self, process: Process, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._simulation.timeline.say(self.name, "crashed", error=repr(task.exception()))
        self._simulation.loop.kill(process)


async def _serve(app: Any, port: int, settings: ApiSettings | ProxySettings) -> None:
    server = QuietServer(config(app, settings.listen_host, port, drain_s=settings.drain_s, bounds=settings.bounds))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, setattr, server, "should_exit", True)
    await server.serve()


def api(settings: ApiSettings) -> Main:
    """Run an api, as its `__main__` does."""
    return lambda: _serve(make_api(settings), settings.api_port, settings)


def external_proxy(settings: ProxySettings) -> Main:
    """Run an external_proxy, as its `__main__` does."""
    return lambda: _serve(make_proxy(settings), settings.proxy_port, settings)


def writer(settings: WriterSettings) -> Main:
    """Run a writer, as its `__main__` does."""
    return lambda: Writer(settings).run()


def dlq_admin(settings: DlqAdminSettings) -> Main:
    """Run a dlq_admin, as its `__main__` does."""
    return lambda: DlqAdmin(settings).run()
