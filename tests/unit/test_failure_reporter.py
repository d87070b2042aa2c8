"""A loop that continues after a failure logs the reason, once per cause, and logs when it works again."""

import ast
import asyncio
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError
from redis.exceptions import ConnectionError as Gone

from holdfast.services.external_proxy.settings import ProxySettings
from holdfast.shared.connections.script import NotSent
from holdfast.shared.errors import DatabaseUnavailable, QueueUnavailable
from holdfast.shared.faults import BadData, Contention, Outage, Unexplained
from holdfast.shared.queue import agreement
from holdfast.shared.resilience import failure_reporter, supervise
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.failure_reporter import NO_ANSWER, REFUSED, FailureReporter
from holdfast.shared.resilience.retry import retry_forever
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
_ANSWERS = [ResponseError("WRONGTYPE Operation against a key"), NoPermissionError("no right"),
            AuthenticationError("invalid username-password pair"), BadData("1406"), Unexplained("1820")]  # fmt: skip
_SILENCES = [Gone("Error 111 connecting"), TimeoutError(), OSError("reset"), Outage("2013")]

Lines = list[tuple[str, Action, dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The logged lines, each with its level, action and fields."""
    written: Lines = []
    with pytest.MonkeyPatch.context() as patch:
        for level in ("info", "warning", "error"):
            patch.setattr(logs, level, lambda action, level=level, **more: written.append((level, action, more)))
        yield written


def _caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


@pytest.mark.parametrize("error", [*_ANSWERS, *_SILENCES], ids=repr)
def test_an_answer_is_no_outage(lines: Lines, error: Exception) -> None:
    """A store's error answer is logged as an error and counted as refused; a missing answer is logged as a warning. The
    log has the text of the original error, whatever wraps it."""
    for at, wrapped in enumerate((error, _caused(NotSent(), error), _caused(QueueUnavailable(), error),
                                  _caused(QueueUnavailable(), _caused(NotSent(), error)))):  # fmt: skip
        one = FailureReporter(f"test-{type(error).__name__}-{at}")
        one.failed(wrapped)
        kind, level = (REFUSED, "error") if error in _ANSWERS else (NO_ANSWER, "warning")
        assert lines[-1][:2] == (level, Action.LOOP_FAILING)
        assert str(error) in lines[-1][2]["error"]
        assert lines[-1][2]["kind"] == kind
        assert metrics.loop_failures.labels(one.name, kind)._value.get() == 1
        assert one.name in failure_reporter.check()[1]
        one.worked()
        assert one.name not in failure_reporter.check()[1]


@given(causes=st.lists(st.sampled_from("aaab"), min_size=1, max_size=9), number=st.integers(0, 9))
def test_each_change_of_cause_is_one_line(causes: list[str], number: int) -> None:
    """A repeated cause is counted but not logged again, even if its numbers differ. Each change of cause is one line,
    and so is the recovery."""
    with pytest.MonkeyPatch.context() as patch:
        written: Lines = []
        for level in ("info", "warning", "error"):
            patch.setattr(logs, level, lambda action, level=level, **more: written.append((level, action, more)))
        one = FailureReporter("changing")
        for at, cause in enumerate(causes):
            one.failed(ResponseError(f"{cause} {at * number}"))
        changes = 1 + sum(before != after for before, after in pairwise(causes))
        assert [action for _, action, _ in written] == [Action.LOOP_FAILING] * changes
        one.worked()
        one.worked()
        assert [each[1] for each in written[changes:]] == [Action.LOOP_RECOVERED]
        assert written[-1][2]["failures"] == len(causes)


def test_what_comes_and_goes_does_not_fill_the_log(lines: Lines) -> None:
    """A thousand failures with a success after each write at most 20 lines, and all of them are counted."""
    one = FailureReporter("flapping")
    for _ in range(1000):
        one.failed(Gone("away"))
        one.worked()
    assert len(lines) <= 2 * 10
    assert metrics.loop_failures.labels("flapping", NO_ANSWER)._value.get() == 1000


def test_a_failure_that_stays_is_logged_after_what_came_and_went(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure that begins while the log is limited is logged once there is room again, and so is its recovery: the
    last line about a loop always tells how it is."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    one = FailureReporter("flapping-then-down")
    for _ in range(10):
        one.failed(Gone("away"))
        one.worked()
    for _ in range(100):
        one.failed(Gone("away"))
        now[0] += 1
    assert len(lines) == 2 * 10 + 1
    assert lines[-1][1] == Action.LOOP_FAILING
    one.worked()
    assert lines[-1][1] == Action.LOOP_RECOVERED


def test_a_step_that_is_over_is_not_failing(lines: Lines) -> None:
    """A service that starts while the queue is away logs that it could not ask for the number of partitions. `/health`
    does not show this step as failing afterwards: the step is not repeated, so it would never be shown as well."""
    agreement.check(ProxySettings(redis_addr=f"127.0.0.1:{free_port()}"))
    assert [(action, more["loop"]) for _, action, more in lines] == [(Action.LOOP_FAILING, "partitions")]
    assert "partitions" not in failure_reporter.check()[1]


def test_what_says_nothing_of_the_store_is_left_out(lines: Lines) -> None:
    """A breaker that rejects a call, a conflict of two transactions and an error that is no store's are not logged,
    because they say nothing about the store."""
    one = FailureReporter("left-out")
    refusal = CallRefused.__new__(CallRefused)
    for error in (refusal, _caused(DatabaseUnavailable(), refusal), Contention("1213"), KeyError("x")):
        with pytest.raises(type(error)), one:
            raise error
    assert lines == []


async def test_it_goes_on_until_it_works_and_says_so(lines: Lines) -> None:
    """Three failures with two causes are logged as two lines, and the recovery as one more."""
    answers = iter([Gone("away"), Gone("away"), ResponseError("WRONGTYPE"), None])

    async def call() -> str:
        if (error := next(answers)) is not None:
            raise error
        return "done"

    errors = (Gone, ResponseError)
    assert await retry_forever(FailureReporter("until"), errors, call, base_s=0.001, cap_s=0.001) == "done"
    assert [action for _, action, _ in lines] == [Action.LOOP_FAILING, Action.LOOP_FAILING, Action.LOOP_RECOVERED]


async def test_a_supervised_loop_says_that_it_turns_again(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """A supervised loop that a store refuses twice logs one line and counts no crash; its first good turn logs the
    recovery."""
    monkeypatch.setattr(supervise, "_BASE_S", 0.001)
    rounds = 0
    good = asyncio.Event()

    async def loop() -> None:
        nonlocal rounds
        rounds += 1
        if rounds < 3:
            raise NoPermissionError("this user has no permissions")
        supervise.iteration_succeeded()
        good.set()
        await asyncio.Event().wait()

    [task] = supervise.start({"refused": loop})
    await asyncio.wait_for(good.wait(), 60)
    await supervise.stop([task])
    assert [(level, action) for level, action, _ in lines] == [
        ("error", Action.LOOP_FAILING), ("info", Action.LOOP_RECOVERED),
    ]  # fmt: skip
    assert metrics.loop_crashes.labels("refused")._value.get() == 0


#: Parts of the names of the exceptions that mean a failure of a store.
_STORES = ("RedisError", "NotSent", "AWAY")


def test_no_failure_of_a_store_is_swallowed_in_silence() -> None:
    """Every handler of a store's failure in services and shared raises, logs or returns the failure, or a reporter
    covers its `try`. None suppresses the failure."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("services", "shared")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if any(name in (text := path.read_text()) for name in _STORES)
        for node in _silent(ast.parse(text))
    ]
    assert silent == []


def _silent(tree: ast.Module) -> Iterator[ast.Call | ast.Try]:
    reporters = {
        ast.unparse(name)
        for each in ast.walk(tree)
        if isinstance(each, ast.Assign) and "FailureReporter(" in ast.unparse(each.value)
        for target in each.targets
        for name in (target.elts if isinstance(target, ast.Tuple) else [target])
    }

    def reports(step: ast.AST) -> bool:
        if not isinstance(step, ast.With):
            return False
        contexts = [ast.unparse(item.context_expr) for item in step.items]
        # The context is a single reporter, or a reporter that is indexed by partition.
        return any(each.partition("[")[0] in reporters or ".suppressing(" in each for each in contexts)

    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            if any(_stores(each) for each in node.args):
                yield node
        elif (
            isinstance(node, ast.Try)
            and _silent_handlers(node)
            and not any(reports(each) for step in node.body for each in ast.walk(step))
        ):
            yield node


def _silent_handlers(node: ast.Try) -> bool:
    return any(each.type is not None and _stores(each.type) and not _speaks(each) for each in node.handlers)


def _stores(errors: ast.AST) -> bool:
    return any(name in ast.unparse(errors) for name in _STORES)


def _speaks(handler: ast.ExceptHandler) -> bool:
    done = {ast.unparse(each.func) for each in ast.walk(handler) if isinstance(each, ast.Call)}
    raises = any(isinstance(each, ast.Raise) for each in ast.walk(handler))
    returned = [each for step in ast.walk(handler) if isinstance(step, ast.Return) for each in ast.walk(step)]
    raises |= any(isinstance(each, ast.Name) and each.id == handler.name for each in returned)
    return raises or any(name.endswith(("failed", "logs.warning", "logs.error", "print")) for name in done)
