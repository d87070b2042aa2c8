"""Run: every proof against the tree without a bug and against each bug, several at once. What is known is not run
again."""

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

#: By the kinds of proofs; one that has not run is not there.
Row = Mapping[Kind, Found]


class Proof(NamedTuple):
    """A proof to run; `tests`: the targets of pytest, where it is tests that are run."""

    kind: Kind
    tests: tuple[str, ...] = ()

    @property
    def inputs(self) -> Iterator[str]:
        """Files and folders, besides those that every result depends on."""
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
    """A bug, what the proofs found, and what they found without it."""

    bug: Planted
    found: Row
    clean: Row
    wanted: Sequence[Kind]

    @property
    def complete(self) -> bool:
        """Whether every proof that is wanted ran, with the bug and without it."""
        return all(kind in self.found and kind in self.clean for kind in self.wanted)

    @property
    def caught(self) -> list[Kind]:
        """Proofs that fail with the bug, and hold without it."""
        return [
            kind
            for kind, found in self.found.items()
            if found.word is Word.CAUGHT and kind in self.clean and self.clean[kind].word is Word.HELD
        ]


class Run:
    """`clean`: a copy of the tree. `until`: on the monotonic clock; nothing begins after it."""

    def __init__(self, clean: Path, results: Results, *, kinds: Collection[Kind], until: float) -> None:
        self._clean = clean
        self._results = results
        self._kinds = kinds
        self._until = until

    def all(self, bugs: Sequence[Planted], jobs: int) -> list[Line]:
        """The tree without a bug first: what it compiles, the copies have."""
        parts = self._parts(bugs)
        others = {proof.kind for bug in bugs for proof in self._proofs(bug)} - {Kind.TESTS}
        clean = [Proof(Kind.TESTS, part) for part in dict.fromkeys(parts.values())]
        clean += [Proof(kind) for kind in sorted(others)]
        with ThreadPoolExecutor(jobs) as threads:
            try:
                list(threads.map(lambda proof: self._run(proof, self._clean), clean))
                list(threads.map(self._with, bugs))
            except BaseException:  # ended from outside
                self._until = 0.0
                proofs.end_all()
                raise
        return [self._line(bug, parts) for bug in bugs]

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
        """The tests of all bugs by their files, a whole file where a bug names that; those of pure code all at once."""
        by_file: dict[str, set[str]] = {}
        for test in (test for bug in bugs for proof in self._proofs(bug) for test in proof.tests):
            by_file.setdefault(test.partition("::")[0], set()).add(test)
        pure = tuple(sorted(file for file in by_file if file.startswith("tests/unit/")))
        parts = {file: (file,) if file in tests else tuple(sorted(tests)) for file, tests in sorted(by_file.items())}
        return {file: pure if file in pure else part for file, part in parts.items()}

    def _with(self, bug: Planted) -> None:
        wanted = [proof for proof in self._proofs(bug) if self._known(proof, bug) is None]
        if not wanted or time.monotonic() > self._until:
            return
        root = copy(self._clean, self._clean.with_name(bug.name))
        try:
            bug.plant(root)
            for proof in wanted:
                self._run(proof, root, bug)
        finally:
            shutil.rmtree(root)

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
        wanted = self._proofs(bug)
        found = {proof.kind: known for proof in wanted if (known := self._known(proof, bug))}
        clean: dict[Kind, Found] = {}
        for proof in wanted:  # of tests: the first of the files that fails
            files = {test.partition("::")[0] for test in proof.tests}
            same = [Proof(proof.kind, part) for part in dict.fromkeys(parts[file] for file in files)] or [proof]
            results = [one for each in same if (one := self._known(each, None))]
            if len(results) == len(same):
                clean[proof.kind] = next((one for one in results if one.word is Word.CAUGHT), results[0])
        return Line(bug, found, clean, [proof.kind for proof in wanted])


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
