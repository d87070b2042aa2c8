"""Images by digest: every image that compose runs, and the base image of our own images."""

import hashlib
import json
import stat
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
