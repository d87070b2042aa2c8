"""Planted: one bug as a patch of shipped code. `bugs/<name>.toml` has exact texts, each of which must occur once in its
file. So a patch still applies when the code around it moves, and fails loudly when the code that it changes has
changed."""

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).with_name("bugs")
#: The folders of shipped code. Bugs change no other files.
SHIPPED = ("services/", "shared/", "deploy/")
#: The code of acceptance, merging and the store: tests/convergence runs no other code.
_CONVERGES = ("shared/queue/", "shared/store/", "shared/writes/")


class DoesNotApply(Exception):
    """The code has changed: the bug has to be planted anew."""


class Change(NamedTuple):
    """Replaces `old`, which occurs in `file` exactly once, with `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Planted:
    """A bug. `believed`: what its author had in mind; `breaks`: which promise it breaks, and how; `tests`: the tests
    of that promise. `harmless`: it breaks nothing, and no proof may accuse it. `checker`: `make verify` runs for it
    too."""

    name: str
    believed: str
    breaks: str
    tests: tuple[str, ...]
    changes: tuple[Change, ...]
    harmless: bool = False
    checker: bool = False

    @property
    def files(self) -> list[str]:
        """The files that the bug changes."""
        return sorted({change.file for change in self.changes})

    @property
    def converges(self) -> bool:
        """Whether tests/convergence runs the changed code."""
        return any(file.startswith(_CONVERGES) for file in self.files)

    @property
    def digest(self) -> str:
        """A digest of the patch."""
        return hashlib.sha256(repr(self.changes).encode()).hexdigest()[:16]

    def patched(self, root: Path) -> dict[str, str]:
        """Return the changed files' texts. Raises DoesNotApply."""
        texts: dict[str, str] = {}
        for change in self.changes:
            text = texts.get(change.file) or _read(root / change.file)
            if (count := text.count(change.old)) != 1:
                raise DoesNotApply(f"{self.name}: {change.file} has {count} times:\n{change.old}")
            texts[change.file] = text.replace(change.old, change.new)
        return texts

    def plant(self, root: Path) -> None:
        """Plant the bug in a copy of the project. Raises DoesNotApply."""
        for file, text in self.patched(root).items():
            (root / file).write_text(text)


def planted() -> Iterator[Planted]:
    """Yield all bugs, by name."""
    for file in sorted(FOLDER.glob("*.toml")):
        known = tomllib.loads(file.read_text())
        changes = tuple(Change(**change) for change in known.pop("change"))
        yield Planted(file.stem, tests=tuple(known.pop("tests")), changes=changes, **known)


def _read(file: Path) -> str:
    if not file.is_file():
        raise DoesNotApply(f"there is no {file}")
    return file.read_text()
