"""Run: the steps of a scenario, one after the other, on the running stack."""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from deploy.scenarios.ask import ask
from deploy.scenarios.expect import Answer, Check, at, checks
from deploy.scenarios.steps import Ask, Balance, Beside, Scenario, Start, Step, Stop

_POLL_S = 0.2


class Stack(Protocol):
    """What a scenario needs of the stack it runs on."""

    def address(self, program: str) -> str:
        """`host:port`."""

    def stop(self, names: list[str]) -> None:
        """Returns when they are gone."""

    def start(self, names: list[str]) -> None:
        """Returns when they are ready."""

    def beside(self, name: str, settings: Mapping[str, str]) -> None:
        """Start an api under this name."""

    def ledger(self) -> tuple[bool, str]:
        """Whether it balances, and its table."""


@dataclass
class Result:
    """What became of one step."""

    step: Step
    #: In words, `{names}` filled in.
    what: str
    request: str = ""
    answer: Answer | None = None
    checks: list[Check] = field(default_factory=list)
    text: str = ""
    took_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether everything was as expected."""
        return all(check.ok for check in self.checks)


def run(scenario: Scenario, stack: Stack, begun: Callable[[str], None]) -> Iterator[Result]:
    """A result a step, as it is known; `begun(what)` is told of those that take a while. What is stopped is left to the
    caller to start again."""
    known = {"run": secrets.token_hex(4)}
    for step in scenario.steps:
        began = time.monotonic()
        match step:
            case Ask():
                result = _ask(step, stack, known)
            case Stop(names):
                begun(f"stopping {', '.join(names)}")
                stack.stop(list(names))
                result = Result(step, f"{' and '.join(names)} stopped")
            case Start(names):
                begun(f"starting {', '.join(names)}")
                stack.start(list(names))
                result = Result(step, f"{' and '.join(names)} started, and ready")
            case Beside(name, what, settings):
                begun(f"starting {what}")
                stack.beside(name, settings)
                result = Result(step, what[0].upper() + what[1:])
            case Balance():
                balanced, table = stack.ledger()
                check = Check("the ledger", "is balanced", "balanced" if balanced else "OUT OF BALANCE", balanced)
                result = Result(step, "Every accepted write is accounted for", text=table, checks=[check])
        result.took_s = time.monotonic() - began
        yield result


def _ask(step: Ask, stack: Stack, known: dict[str, str]) -> Result:
    method, _, path = _filled(step.request, known).partition(" ")
    headers = {name: _filled(value, known) for name, value in step.headers.items()}
    body, shown = step.raw, ""
    if step.json is not None:
        shown = json.dumps({name: _filled(value, known) for name, value in step.json.items()})
        body = shown.encode()
        headers = {"Content-Type": "application/json"} | headers
    told = "".join(f"  {name}: {value}" for name, value in headers.items() if name != "Content-Type" or step.raw)
    result = Result(step, _filled(step.what, known), f"{method} {path} {shown}{told}".rstrip())
    deadline = time.monotonic() + step.within_s
    while True:
        answer = result.answer = ask(stack.address(step.of), method, path, body, headers)
        result.checks = list(checks(answer, {where: _filled(value, known) for where, value in step.expect.items()}))
        if result.ok or time.monotonic() > deadline:
            break
        time.sleep(_POLL_S)
    _keep(step.keep, answer, known)
    return result


def _keep(keep: Mapping[str, str], answer: Answer, known: dict[str, str]) -> None:
    for name, path in keep.items():
        known[name] = str(at(answer.body, path))


def _filled(value: Any, known: Mapping[str, str]) -> Any:
    """Text with its `{names}` replaced; anything else as it is."""
    if not isinstance(value, str):
        return value
    for name, stands_for in known.items():
        value = value.replace("{" + name + "}", stands_for)
    return value
