"""Run: executes the steps of a scenario one after the other on the running stack."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from deploy.announce import Announcement, Announcer
from deploy.client.request import JsonResponse, request
from deploy.local.progress import during
from deploy.scenarios import by_client
from deploy.scenarios.expect import Check, at, checks
from deploy.scenarios.steps import (
    Balance,
    ClientWaits,
    ClientWrites,
    ExtraApi,
    Request,
    Scenario,
    Start,
    Step,
    Stop,
)
from deploy.stacks import faults
from deploy.stacks.stack import Stack
from holdfast_client import Client

_POLL_S = 0.2
#: Seconds for which a request is repeated while the api sheds it. A busy machine proves nothing about the step.
_BUSY_S = 15.0


@dataclass
class Result:
    """The result of one step."""

    step: Step
    #: The step in words, with `{names}` filled in.
    what: str
    request: str = ""
    response: JsonResponse | None = None
    checks: list[Check] = field(default_factory=list)
    text: str = ""
    took_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether everything was as expected."""
        return all(check.ok for check in self.checks)


def run(scenario: Scenario, stack: Stack, announcer: Announcer) -> Iterator[Result]:
    """Yield the result of each step. The caller, who opened the stack, restarts what is stopped at the end."""
    known = {"run": secrets.token_hex(4)}
    with ExitStack() as announced:
        down: dict[str, Announcement] = {}
        for step in scenario.steps:
            began = time.monotonic()
            match step:
                case Request():
                    result = _request(step, stack, known)
                case ClientWrites() | ClientWaits():
                    result = _by_client(step, stack, known)
                case Stop(programs):
                    with during(f"stopping {', '.join(programs)}"):
                        for program in programs:
                            down[program] = announcer.begin(scenario.name, program)
                            announced.callback(down[program].end)
                            stack.begin(faults.Stop(program))
                    result = Result(step, f"{' and '.join(programs)} stopped")
                case Start(programs):
                    with during(f"starting {', '.join(programs)}"):
                        for program in programs:
                            stack.end(faults.Stop(program))
                            down[program].end()
                    result = Result(step, f"{' and '.join(programs)} started, and ready")
                case ExtraApi(name, what, settings):
                    with during(f"starting {what}"):
                        stack.start_api(name, settings)
                    result = Result(step, what[0].upper() + what[1:])
                case Balance():
                    with during("reading the ledger"):
                        balanced, table = stack.ledger()
                    check = Check("the ledger", "is balanced", "balanced" if balanced else "OUT OF BALANCE", balanced)
                    result = Result(step, "Every accepted write is accounted for", text=table, checks=[check])
            result.took_s = time.monotonic() - began
            yield result


def _request(step: Request, stack: Stack, known: dict[str, str]) -> Result:
    method, _, path = _filled(step.request, known).partition(" ")
    headers = {name: _filled(value, known) for name, value in step.headers.items()}
    body, shown = step.raw, ""
    if step.json is not None:
        shown = json.dumps({name: _filled(value, known) for name, value in step.json.items()})
        body = shown.encode()
        headers = {"Content-Type": "application/json"} | headers
    lines = "".join(f"  {name}: {value}" for name, value in headers.items() if name != "Content-Type" or step.raw)
    result = Result(step, _filled(step.what, known), f"{method} {path} {shown}{lines}".rstrip())
    status = {} if step.status is None else {"status": step.status}
    expect = status | {where: _filled(value, known) for where, value in step.expect.items()}
    began = time.monotonic()
    with during("waiting for this response"):
        while True:
            response = result.response = request(stack.address(step.to), method, path, body, headers)
            result.checks = list(checks(response, expect))
            patience_s = max(step.within_s, _BUSY_S) if _is_shed(response) else step.within_s
            if result.ok or time.monotonic() - began > patience_s:
                break
            time.sleep(_POLL_S)
    for name, where in step.keep.items():
        known[name] = str(at(response.body, where))
    return result


def _is_shed(response: JsonResponse) -> bool:
    """Return whether the api shed the request."""
    return bool(at(response.body, "error.code") == "OVERLOADED")


def _by_client(step: ClientWrites | ClientWaits, stack: Stack, known: dict[str, str]) -> Result:
    with during("waiting for the client library"), Client(f"http://{stack.address('api')}") as client:
        match step:
            case ClientWrites():
                values = {name: _filled(value, known) for name, value in step.json.items()}
                known[step.keep], found = by_client.writes(step, client, values)
            case ClientWaits():
                _, found = by_client.waits(step, client, known[step.operation])
    return Result(step, step.what, checks=found)


def _filled(value: Any, known: Mapping[str, str]) -> Any:
    """Return text with its `{names}` replaced, and any other value unchanged."""
    if not isinstance(value, str):
        return value
    for name, stands_for in known.items():
        value = value.replace("{" + name + "}", stands_for)
    return value
