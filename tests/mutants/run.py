"""Run: every proof against the tree without a bug and against each bug, several at once. Proofs with a known result do
not run again."""

import hashlib
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.mutants import proofs
from tests.mutants.neighbours import neighbours
from tests.mutants.planted import Planted
from tests.mutants.proofs import Found, Kind, Word
from tests.mutants.results import Results
from tests.mutants.tree import copy, digest

#: Kind of proof -> result. A proof that has not run is absent.
Row = Mapping[Kind, Found]


class Proof(NamedTuple):
    """A proof to run. `tests`: the targets of pytest, if the kind runs tests."""

    kind: Kind
    tests: tuple[str, ...] = ()

    @property
    def inputs(self) -> Iterator[str]:
        """The files and folders that the result depends on, besides those that every result depends on."""
        match self.kind:
            case Kind.TESTS:
                yield from {test.partition("::")[0] for test in self.tests}
            case Kind.SIMULATION:
                yield from ("tests/simulation", "tests/promises", "tests/models", "tests/mutants/seeds.txt")
            case Kind.CONVERGENCE:
                yield "tests/convergence"
            case Kind.CHECKER:
                yield from ("tests/verify", "tests/promises")


@dataclass(frozen=True)
class Line:
    """A bug, the results of the proofs with it, and their results without it."""

    bug: Planted
    found: Row
    clean: Row
    wanted: Sequence[Kind]

    @property
    def complete(self) -> bool:
        """Whether every wanted proof ran, with the bug and without it."""
        return all(kind in self.found and kind in self.clean for kind in self.wanted)

    @property
    def caught(self) -> list[Kind]:
        """The proofs that fail with the bug, and hold without it."""
        return [
            kind
            for kind, found in self.found.items()
            if found.word is Word.CAUGHT and kind in self.clean and self.clean[kind].word is Word.HELD
        ]


class Run:
    """A run. `clean`: a copy of the tree. `until`: on the monotonic clock; no proof begins after it. `last`: by the
    names of bugs, the proof that caught each of them last. That proof runs first, and for such a bug the first proof
    that catches it suffices."""

    def __init__(
        self,
        clean: Path,
        results: Results,
        *,
        kinds: Collection[Kind],
        until: float,
        last: Mapping[str, Proof],
    ) -> None:
        self._clean = clean
        self._results = results
        self._kinds = kinds
        self._until = until
        self._last = last

    def all(self, bugs: Sequence[Planted], jobs: int) -> list[Line]:
        """Run all proofs. The tree without a bug runs first, so that the copies include its compiled modules. It runs
        once more at the end, for proofs that ran only with bugs."""
        with ThreadPoolExecutor(jobs) as threads:
            try:
                list(threads.map(lambda proof: self._run(proof, self._clean), self._without(bugs)))
                list(threads.map(self._with, bugs))
                list(threads.map(lambda proof: self._run(proof, self._clean), self._without(bugs)))
            except BaseException:  # stopped from outside
                self._until = 0.0
                proofs.end_all()
                raise
        parts = self._parts(bugs)
        return [self._line(bug, parts) for bug in bugs]

    def _without(self, bugs: Sequence[Planted]) -> list[Proof]:
        """Return the proofs to run without a bug: tests file by file, every other proof once."""
        others = {proof.kind for bug in bugs for proof in self._wanted(bug)} - {Kind.TESTS}
        parts = dict.fromkeys(self._parts(bugs).values())
        return [*(Proof(Kind.TESTS, part) for part in parts), *(Proof(kind) for kind in sorted(others))]

    def _wanted(self, bug: Planted) -> list[Proof]:
        """Return the proofs of a bug, up to the first one that is known to catch it, or that has to run next."""
        proofs = self._proofs(bug)
        last = self._last.get(bug.name)
        if last is None or last.kind not in self._kinds:
            return proofs
        proofs = [last, *(proof for proof in proofs if proof != last)]
        known = [self._known(proof, bug) for proof in proofs]
        held = next((at for at, found in enumerate(known) if found is None or found.word is Word.CAUGHT), len(proofs))
        return proofs[: held + 1]

    def _proofs(self, bug: Planted) -> list[Proof]:
        tests = tuple(dict.fromkeys([*bug.tests, *neighbours(self._clean, bug.files)]))
        each = [
            *([Proof(Kind.TESTS, tests)] if tests else []),
            Proof(Kind.SIMULATION),
            *([Proof(Kind.CONVERGENCE)] if bug.converges else []),
            *([Proof(Kind.CHECKER)] if bug.checker else []),
        ]
        return [proof for proof in each if proof.kind in self._kinds]

    def _parts(self, bugs: Iterable[Planted]) -> dict[str, tuple[str, ...]]:
        """Return the tests of all bugs by file: a whole file if a bug names it, and all files of pure code together."""
        by_file: dict[str, set[str]] = {}
        for test in (test for bug in bugs for proof in self._wanted(bug) for test in proof.tests):
            by_file.setdefault(test.partition("::")[0], set()).add(test)
        pure = tuple(sorted(file for file in by_file if file.startswith("tests/unit/")))
        parts = {file: (file,) if file in tests else tuple(sorted(tests)) for file, tests in sorted(by_file.items())}
        return {file: pure if file in pure else part for file, part in parts.items()}

    def _with(self, bug: Planted) -> None:
        if not self._to_run(bug) or time.monotonic() > self._until:
            return
        root = copy(self._clean, self._clean.with_name(bug.name))
        try:
            bug.plant(root)
            tried: set[Proof] = set()
            while proof := next((each for each in self._to_run(bug) if each not in tried), None):
                tried.add(proof)  # a proof that does not finish stays unknown
                self._run(proof, root, bug)
        finally:
            shutil.rmtree(root)

    def _to_run(self, bug: Planted) -> list[Proof]:
        return [proof for proof in self._wanted(bug) if self._known(proof, bug) is None]

    def _run(self, proof: Proof, root: Path, bug: Planted | None = None) -> None:
        if self._known(proof, bug) is not None or time.monotonic() > self._until:
            return
        ways: dict[Kind, Callable[[], Found]] = {
            Kind.TESTS: lambda: proofs.run_tests(root, proof.tests),
            Kind.SIMULATION: lambda: proofs.simulate(root),
            Kind.CONVERGENCE: lambda: proofs.converge(root),
            Kind.CHECKER: lambda: proofs.check(root),
        }
        began = time.monotonic()
        found = ways[proof.kind]()
        self._results.keep(self._key(proof, bug), found)
        took = f"{time.monotonic() - began:5.0f} s"
        sys.stderr.write(f"{root.name:<38} {proof.kind:<12} {found.word:<8} {took}  {found.what[:90]}\n")

    def _known(self, proof: Proof, bug: Planted | None) -> Found | None:
        return self._results.get(self._key(proof, bug))

    def _key(self, proof: Proof, bug: Planted | None) -> str:
        parts = (proof.kind, *proof.tests, digest(self._clean, *sorted(proof.inputs)))
        return f"{bug.name if bug else 'clean'} {bug.digest if bug else ''} {_short(repr(parts))}"

    def _line(self, bug: Planted, parts: Mapping[str, tuple[str, ...]]) -> Line:
        wanted = self._wanted(bug)
        found = {proof.kind: known for proof in wanted if (known := self._known(proof, bug))}
        clean: dict[Kind, Found] = {}
        for proof in wanted:  # for tests: the first file that fails
            files = {test.partition("::")[0] for test in proof.tests}
            same = [Proof(proof.kind, part) for part in dict.fromkeys(parts[file] for file in files)] or [proof]
            results = [one for each in same if (one := self._known(each, None))]
            if len(results) == len(same):
                clean[proof.kind] = next((one for one in results if one.word is Word.CAUGHT), results[0])
        return Line(bug, found, clean, [proof.kind for proof in wanted])


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
