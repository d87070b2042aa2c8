"""Scenarios as data: their expectations are checked correctly, and each can be run to its end."""

import re
from pathlib import Path
from typing import get_args

import pytest

from deploy.announce import Announcer
from deploy.client.request import JsonResponse
from deploy.scenarios import database_down, errors, redis_down
from deploy.scenarios.expect import (
    ABSENT,
    PRESENT,
    Expected,
    at_least,
    at_most,
    checks,
    holding,
    look,
    one_of,
)
from deploy.scenarios.run import Result, run
from deploy.scenarios.show import for_machines, step, verdict
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
from deploy.stacks.faults import Program
from deploy.stacks.journal import Journal
from tests.stacks.dead import DeadStack

ALL = (database_down.SCENARIO, redis_down.SCENARIO, errors.SCENARIO)

RESPONSE = JsonResponse(
    503,
    {"retry-after": "5"},
    {"data": {"breakers": [{"name": "queue", "state": "closed"}, {"name": "database", "state": "open"}], "on": True}},
    0.25,
)

MET: dict[str, Expected] = {
    "status": one_of(500, 503),
    "seconds": at_most(0.3),
    "header.Retry-After": at_least(1),
    "header.x-degraded": ABSENT,
    "body.data.breakers.#": 2,
    "body.data.breakers[name=database].state": "open",
    "body.data": PRESENT,
    "body.data.on": True,
    "body.data.breakers[name=queue].state": holding("los"),
}

UNMET: dict[str, Expected] = {
    "status": 200,
    "seconds": at_most(0.2),
    "header.Retry-After": at_least(6),
    "header.x-degraded": PRESENT,
    "body.data.breakers[name=cache].state": "open",
    "body.data": ABSENT,
    "body.data.on": 1,
    "body.nothing.at.all": None,
    "body.data.breakers": holding("half"),
}


def test_what_is_met_is_met_and_nothing_else() -> None:
    """Each kind of expectation is met by a response that matches it, and is not met by one that does not."""
    assert [check for check in checks(RESPONSE, MET) if not check.ok] == []
    assert [check for check in checks(RESPONSE, UNMET) if check.ok] == []


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_a_scenario_uses_only_what_is_there(scenario: Scenario) -> None:
    """A scenario uses only names that an earlier step kept, parts that a response has, and programs of the stack, and
    it starts again what it stops."""
    known, there, down = {"run"}, set(get_args(Program)), set()
    for one in scenario.steps:
        match one:
            case Request():
                text = " ".join(map(str, (one.request, one.json, one.headers.values(), one.expect.values())))
                assert set(re.findall(r"{(\w+)}", text)) <= known, one.what
                assert one.to in there, one.what
                for where in one.expect:
                    look(RESPONSE, where)
                known |= set(one.keep)
            case ClientWrites(keep=name):
                known.add(name)
            case ClientWaits(operation=name):
                assert name in known, one.what
            case ExtraApi(name):
                there.add(name)
            case Stop(names):
                assert set(names) <= there
                down |= set(names)
            case Start(names):
                down -= set(names)
    assert not down
    assert scenario.steps[-1] == Balance()


def test_a_dead_stack_fails_every_step_and_ends(tmp_path: Path) -> None:
    """Without a running stack every step that needs a response fails, the run ends, and the report says so."""
    steps: list[Step] = [
        Request("hello", "GET /", 200, keep={"id": "data.id"}),
        Stop(["api"]),
        Request("again", "GET /{id}", 200),
        Balance(),
    ]
    scenario = Scenario("dead", "shows nothing", steps)
    stack = DeadStack(Journal(tmp_path / "undo.json"), 1)
    results = list(run(scenario, stack, Announcer("", "")))
    assert [result.ok for result in results] == [False, True, False, False]
    report = for_machines(scenario, results)
    assert report["passed"] is False
    assert report["steps"][0]["expectations"][0]["seen"] == "0"
    assert "3 of 4 steps not as expected" in verdict(scenario, results)
    assert "WRONG" in step(1, results[0])


def test_what_is_absent_is_shown_as_absent() -> None:
    """The expectation that a header is absent is shown without the value that was seen."""
    response = JsonResponse(200, {}, {}, 0.0)
    result = Result(Request("x", "GET /", 200), "x", "GET /", response, list(checks(response, {"header.age": ABSENT})))
    assert step(1, result).splitlines()[-1].endswith("header.age is absent")


def test_what_is_shed_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that was shed is retried, because a busy machine is no reason for a step to fail; any other unexpected
    response is one."""
    shed = JsonResponse(503, {}, {"error": {"code": "OVERLOADED"}}, 0.0)
    responses = iter([shed, shed, JsonResponse(200, {}, {}, 0.0), JsonResponse(500, {}, {}, 0.0)])
    monkeypatch.setattr("deploy.scenarios.run.request", lambda *_: next(responses))
    steps = [Request("hello", "GET /", 200), Request("again", "GET /", 200)]
    results = run(Scenario("busy", "", steps), DeadStack(Journal(tmp_path / "undo.json"), 1), Announcer("", ""))
    assert [result.ok for result in results] == [True, False]
