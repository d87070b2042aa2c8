"""The sources that the stack's processes run from, as one digest: it changes when they do."""

import hashlib
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from deploy.local.places import REPO

_FOLDERS = ("services", "shared", "deploy/third_party")


def digest() -> str:
    """Of every file in them, and of the declared resources that HOLDFAST_DOMAIN names, if they are found."""
    whole = hashlib.sha256()
    for path in [path for folder in (*(REPO / each for each in _FOLDERS), *_domain()) for path in _files(folder)]:
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


def _domain() -> Iterator[Path]:
    name = os.environ.get("HOLDFAST_DOMAIN", "").partition(".")[0]
    try:
        spec = find_spec(name) if name and name != "holdfast" else None
    except (ImportError, ValueError):
        return
    if spec and spec.submodule_search_locations:
        yield from map(Path, spec.submodule_search_locations)
    elif spec and spec.origin:
        yield Path(spec.origin)
