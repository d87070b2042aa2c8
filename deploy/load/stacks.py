"""Stacks: what load needs of the system it breaks: where it is, and how to break and mend it. Local processes, or
containers (STACK=docker). Whatever happens, all is mended when the `with` block ends."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from deploy.compose import engine
from deploy.load.faults import Fault
from deploy.local import processes, stack
from deploy.local.outages import Outages
from deploy.local.postpone import postponed
from deploy.local.problem import Problem
from deploy.local.programs import programs
from deploy.local.settings import StackSettings, saved
from deploy.local.supervisor_client import Supervisor

_COMMAND_S = 180.0
_ASK_S = 5.0
#: A third party that nobody mends, because its runner was killed, mends itself.
_AT_MOST_S = 300.0
_LOCAL = {"database": "mariadb", "queue": "redis-queue", "cache": "redis-cache"}
_DOCKER = {"database": "mysql", "queue": "queue", "cache": "cache"}


class Stack(Protocol):
    """URLs of what is asked, `prometheus` empty where it cannot be reached; and what can be done."""

    api: str
    third_party: str
    prometheus: str

    def begin(self, fault: Fault) -> None:
        """Returns when it is broken."""

    def end(self, fault: Fault) -> None:
        """Returns when what was broken is ready again."""

    def scale(self, writers: int) -> None:
        """So many writers; returns when they are ready."""

    def pids(self) -> Mapping[str, int]:
        """Process ids by name, where they can be seen."""


@contextmanager
def running() -> Iterator[Stack]:
    """The stack that STACK says, `local` when it says nothing. Raises Problem."""
    told = os.environ.get("STACK") or "local"
    if told not in ("local", "docker"):
        raise Problem(f"STACK={told} is neither local nor docker")
    if told == "docker":
        with Containers() as containers:
            yield containers
        return
    supervisor = stack.running()
    if supervisor is None:
        raise Problem("the stack is not running", "make up", "or STACK=docker, for one that docker compose runs")
    with Outages(supervisor, saved()) as outages:
        local = LocalProcesses(supervisor, outages, saved())
        try:
            yield local
        finally:
            with postponed():
                local.mend()


class LocalProcesses:
    """This clone's stack."""

    def __init__(self, supervisor: Supervisor, outages: Outages, settings: StackSettings) -> None:
        self._supervisor = supervisor
        self._outages = outages
        self._settings = settings
        urls = {program.name: f"http://{program.address}" for program in programs(settings)}
        self.api, self.third_party, self.prometheus = urls["api"], urls["third_party"], urls["prometheus"]

    def begin(self, fault: Fault) -> None:
        """Returns when it is broken. Raises Problem."""
        match fault.way:
            case "freeze":
                self._outages.freeze([_LOCAL[fault.target]])
            case "behave":
                behave(self.third_party, {**fault.behaviour, "for_s": _AT_MOST_S})
            case "stop" | "kill":
                self._outages.begin([_LOCAL[fault.target]], hard=fault.way == "kill")

    def end(self, fault: Fault) -> None:
        """Returns when what was broken is ready again. Raises Problem."""
        match fault.way:
            case "freeze":
                self._outages.thaw()
            case "behave":
                behave(self.third_party, {})
            case "stop" | "kill":
                self._outages.end([_LOCAL[fault.target]])

    def scale(self, writers: int) -> None:
        """So many writers. Raises Problem."""
        before = saved()
        stack.scale(self._supervisor, before, before.changed({"WRITERS": str(writers)}))

    def pids(self) -> Mapping[str, int]:
        """Of every program."""
        found = {program.name: processes.recorded(program.name) for program in programs(saved())}
        return {name: process.pid for name, process in found.items() if process}

    def mend(self) -> None:
        """What `Outages` does not know of: as many writers as before, a third party that is well."""
        if saved() != self._settings:
            stack.scale(self._supervisor, saved(), self._settings)
        behave(self.third_party, {}, must=False)


class Containers:
    """What `docker compose --profile demo up` runs in this folder. API= says where, if not on port 8080."""

    def __init__(self) -> None:
        self.api = os.environ.get("API") or "http://127.0.0.1:8080"
        self.third_party = os.environ.get("THIRD_PARTY") or "http://127.0.0.1:8099"
        self.prometheus = os.environ.get("PROMETHEUS", "")
        self._broken: list[Fault] = []

    def __enter__(self) -> "Containers":
        """Nothing is broken yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Everything is mended. Ctrl-C cannot cut it short."""
        with postponed():
            for fault in list(self._broken):
                self.end(fault)

    def begin(self, fault: Fault) -> None:
        """Returns when it is broken. Raises Problem."""
        self._broken.append(fault)
        match fault.way:
            case "behave":
                behave(self.third_party, {**fault.behaviour, "for_s": _AT_MOST_S})
            case "freeze":
                self._compose("pause", _DOCKER[fault.target])
            case "stop" | "kill":
                self._compose(fault.way, _DOCKER[fault.target])

    def end(self, fault: Fault) -> None:
        """Returns when what was broken is ready again. Raises Problem."""
        match fault.way:
            case "behave":
                behave(self.third_party, {})
            case "freeze":
                self._compose("unpause", _DOCKER[fault.target])
            case "stop" | "kill":
                self._compose("up", "--detach", "--wait", "--no-deps", _DOCKER[fault.target])
        self._broken = [other for other in self._broken if other is not fault]

    def scale(self, writers: int) -> None:
        """So many writers. Raises Problem."""
        self._compose("up", "--detach", "--no-recreate", "--no-deps", "--scale", f"writer={writers}", "writer")

    def pids(self) -> Mapping[str, int]:
        """None: they may be in a virtual machine."""
        return {}

    def _compose(self, *arguments: str) -> None:
        try:
            engine.compose(*arguments, within_s=_COMMAND_S)
        except Problem as problem:
            raise Problem(str(problem), "make docker-run") from None


def behave(third_party: str, behaviour: Mapping[str, Any], *, must: bool = True) -> None:
    """Tell the stand-in third party how to behave. Raises Problem when it `must` and cannot be told."""
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{third_party}/behaviour", json.dumps(behaviour).encode(), {"Content-Type": "application/json"}, method="PUT"
    )
    try:
        with urllib.request.urlopen(request, timeout=_ASK_S):  # noqa: S310 - the same
            pass
    except (OSError, urllib.error.URLError) as error:
        if must:
            raise Problem(f"the stand-in third party at {third_party} cannot be told: {error}") from None
