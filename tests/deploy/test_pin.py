"""Images by digest: every image that compose runs, and the base image of our own images."""

import hashlib
import json
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy import read_yaml
from deploy.compose.pin import main, pinned

ROOT = Path(__file__).parent.parent.parent
SERVICES: dict[str, dict[str, Any]] = read_yaml.document((ROOT / "docker-compose.yml").read_text())["services"]


def _digest(image: str) -> str:
    return f"{image.partition(':')[0]}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def test_every_image_is_held() -> None:
    """Every image of another project is pinned by its digest, and Holdfast's own images by the digest of their base
    image, which the Dockerfile accepts."""
    override = pinned(SERVICES, _digest)["services"]
    assert set(override) == set(SERVICES)
    for name, about in SERVICES.items():
        if "build" in about:
            base = override[name]["build"]["args"]["PYTHON_IMAGE"]
            assert base == _digest("python:3.13-slim")
        else:
            assert override[name] == {"image": _digest(about["image"])}
    assert "ARG PYTHON_IMAGE=python:3.13-slim\n" in (ROOT / "deploy" / "Dockerfile").read_text()


@pytest.mark.parametrize("pulled", [True, False])
def test_the_file_is_written_whole_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pulled: bool) -> None:
    """The file holds the digests that Docker reports. An image that was never pulled has no digest, and then no file is
    written."""
    config = {"services": {"queue": {"image": "redis:8"}, "api": {"image": "holdfast/api:dev", "build": {}}}}
    docker = tmp_path / "docker"
    digests = json.dumps([_digest("redis:8")] if pulled else [])
    docker.write_text(f"#!/bin/sh\nif [ $1 = image ]; then echo '{digests}'; else echo '{json.dumps(config)}'; fi\n")
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    file = tmp_path / "digests.yml"
    assert main([str(file)]) == (0 if pulled else 1)
    assert file.exists() == pulled
    if pulled:
        assert read_yaml.document(file.read_text())["services"]["queue"] == {"image": _digest("redis:8")}


@pytest.mark.parametrize("named", ["", "docker-compose.yml:deploy/compose/ha.yml"])
@pytest.mark.parametrize("target", ["docker-stop", "docker-pin"])
def test_digests_are_added_to_the_files_in_use(tmp_path: Path, named: str, target: str) -> None:
    """Commands use the digests beside the files that COMPOSE_FILE names: without these files, they would change a stack
    of several nodes into one of single nodes. The command that pins reads the tags."""
    (tmp_path / "Makefile").symlink_to(ROOT / "Makefile")
    (tmp_path / "deploy/compose").mkdir(parents=True)
    (tmp_path / "deploy/compose/digests.yml").touch()
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\necho "$COMPOSE_FILE"\n')
    docker.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", **({"COMPOSE_FILE": named} if named else {})}
    command = ["make", "--no-print-directory", "PYTHON=true", target]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    files = named or "docker-compose.yml"
    used = files if target == "docker-pin" else f"{files}:deploy/compose/digests.yml"
    assert done.stdout.splitlines()[-1] == used
