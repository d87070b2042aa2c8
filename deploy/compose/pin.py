"""`python -m deploy.compose.pin [FILE]`: pins the pulled images. It writes an override for docker-compose.yml which
names by digest every image that is not built here, and the base image of our own images. A tag may be moved; a digest
may not."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deploy.local.output import Problem, echo
from deploy.local.places import REPO
from deploy.stacks.engine import compose, docker

FILE = REPO / "deploy" / "compose" / "digests.yml"
_BASE = "python:3.13-slim"


def pinned(services: Mapping[str, Any], digest_of: Callable[[str], str]) -> dict[str, Any]:
    """Return the override. `digest_of`: returns `name@sha256:...` for an image reference; what it raises is passed
    on."""
    known: dict[str, str] = {}

    def by_digest(image: str) -> str:
        if image not in known:
            known[image] = digest_of(image)
        return known[image]

    found = {
        name: {"build": {"args": {"PYTHON_IMAGE": by_digest(_BASE)}}}
        if "build" in about
        else {"image": by_digest(about["image"])}
        for name, about in sorted(services.items())
    }
    return {"services": found}


def _digest(image: str) -> str:
    """Return the digest. Raises Problem if the image was not pulled, or was built here and so has none."""
    if "@sha256:" in image:
        return image
    digests = json.loads(docker("image", "inspect", "--format", "{{json .RepoDigests}}", image)) or []
    if not digests:
        raise Problem(f"{image} has no digest", f"docker pull {image}")
    return str(digests[0])


def main(arguments: list[str]) -> int:
    """Write the override, and return exit code 1 if an image or Docker is missing."""
    file = Path(arguments[0]) if arguments else FILE
    try:
        services = json.loads(compose("config", "--format", "json"))["services"]
        text = json.dumps(pinned(services, _digest), indent=2)  # JSON is YAML
    except Problem as problem:
        echo(str(problem))
        return 1
    file.write_text(f"# Written by `make docker-pin`; `make docker-run` takes it while it is here.\n{text}\n")
    echo(f"{file}: {text.count('@sha256:')} digests")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
