"""Sources: a digest of the sources or files that a program of the stack reads, which changes when they do."""

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from deploy.local.places import REPO
from deploy.local.settings import StackSettings

_FOLDERS = ("services", "shared", "deploy/third_party")


def folders(settings: StackSettings) -> tuple[Path, ...]:
    """Return the folders of the services' sources, and of the declared resources that the stack serves, if those are
    found."""
    return (*(REPO / each for each in _FOLDERS), *_domain(settings))


def digest(places: Iterable[Path]) -> str:
    """Return the digest of every file in these folders, and of these files."""
    whole = hashlib.sha256()
    for path in [path for place in places for path in _files(place)]:
        whole.update(f"{path}\0".encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:16]


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(each for each in folders if each != "__pycache__")
        yield from (Path(folder) / name for name in sorted(names))


def _domain(settings: StackSettings) -> Iterator[Path]:
    name = settings.domain.partition(".")[0]
    places = [place for place in settings.python_path.split(os.pathsep) if place]
    try:
        spec = PathFinder.find_spec(name, [*places, *sys.path]) if name and name != "holdfast" else None
    except (ImportError, ValueError):
        return
    if spec and spec.submodule_search_locations:
        yield from map(Path, spec.submodule_search_locations)
    elif spec and spec.origin:
        yield from sorted(Path(spec.origin).parent.glob("*.py"))  # it may import the modules beside it
