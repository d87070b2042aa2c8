"""Proofs: what runs against a tree, and what it found. Each proof runs in a process of its own, in the tree's root."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """A kind of proof, in the order in which they run."""

    TESTS = "tests"
    SIMULATION = "simulation"
    CONVERGENCE = "convergence"
    CHECKER = "checker"


class Word(StrEnum):
    """The result of a proof on a tree."""

    CAUGHT = "caught"
    HELD = "held"
    #: The proof did not finish: its tests could not be collected, or its time was up.
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Found:
    """What a proof found. `what`: the first test that failed, or the promises that broke; `failed` of `runs`."""

    word: Word
    what: str = ""
    failed: int = 0
    runs: int = 1

    def to_json(self) -> dict[str, object]:
        """Return the result for a record."""
        return asdict(self)

    @classmethod
    def from_json(cls, known: Mapping[str, object]) -> "Found":
        """Return the result from a record."""
        return cls(**{**known, "word": Word(str(known["word"]))})  # type: ignore[arg-type]


#: Seconds. Even on a busy machine, only a proof that does not end reaches its limit.
_LIMITS_S = {Kind.TESTS: 600, Kind.SIMULATION: 1200, Kind.CONVERGENCE: 900, Kind.CHECKER: 900}
_CONVERGENCE = (
    "tests/convergence/test_reservations.py",
    "tests/convergence/test_convergence.py::test_every_user_and_operation_ends_as_in_the_order_of_acceptance[0]",
    "tests/convergence/test_convergence.py::test_users_end_alike_even_when_no_write_waits_for_an_earlier_one[0]",
)
#: The deadline of waits, in seconds: with a bug, many tests wait in vain.
_NEVER_S = "100"
_RUNNING: set[subprocess.Popen[str]] = set()
#: The test without its parameters, whose names change with the values.
_FIRST_FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s\[]+)", re.MULTILINE)


def run_tests(root: Path, tests: Sequence[str], kind: Kind = Kind.TESTS) -> Found:
    """Run tests until the first one fails."""
    options = ["-x", "-q", "-rfE", "--no-header", "--tb=no", "-p", "no:cacheprovider", "-p", "tests.mutants.first"]
    code, text = _run(root, ["pytest", *options, *tests], _LIMITS_S[kind])
    if code == 0:
        return Found(Word.HELD)
    failed = _FIRST_FAILED.search(text)
    if code == 1 and failed:
        return Found(Word.CAUGHT, failed[1], 1)
    return Found(Word.UNKNOWN, "no end" if code is None else text[-300:])


def simulate(root: Path) -> Found:
    """Run the seeds until some have failed."""
    code, text = _run(root, ["tests.mutants.simulated"], _LIMITS_S[Kind.SIMULATION])
    runs = [json.loads(line)["broken"] for line in text.splitlines() if line.startswith("{")]
    if code != 0 or not runs:
        return Found(Word.UNKNOWN, "no end" if code is None else text[-300:], sum(map(bool, runs)), len(runs))
    broken = sorted({promise for run in runs for promise in run})
    return Found(Word.CAUGHT if broken else Word.HELD, ", ".join(broken), sum(map(bool, runs)), len(runs))


def converge(root: Path) -> Found:
    """Run a part of tests/convergence."""
    return run_tests(root, _CONVERGENCE, Kind.CONVERGENCE)


def check(root: Path) -> Found:
    """Run the short form of `make verify`."""
    return run_tests(root, ["tests/verify/test_verify_short.py"], Kind.CHECKER)


def _run(root: Path, module: Sequence[str], limit_s: float) -> tuple[int | None, str]:
    """Return the exit code, or None if the process was killed at its limit, and what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COVERAGE"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment |= {"PYTHONHASHSEED": "0", "TEST_DEADLINE_S": _NEVER_S}
    process = subprocess.Popen(
        [sys.executable, "-m", *module], cwd=root, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    _RUNNING.add(process)
    try:
        text, _ = process.communicate(timeout=limit_s)
        return process.returncode, text
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return None, process.communicate()[0]
    finally:
        _RUNNING.discard(process)


def end_all() -> None:
    """Kill all proofs that are running. Their results are unknown."""
    for process in list(_RUNNING):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
