"""Bills of materials: each image's names every package that is pinned for the image, and nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import read_yaml
from deploy.sbom.__main__ import main
from deploy.sbom.bom import IMAGES, Pin, bill, pins

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bills of all images."""
    folder = tmp_path_factory.mktemp("sbom")
    assert main([str(folder)]) == 0
    return folder


def _read(folder: Path, image: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / f"holdfast-{image}.cdx.json").read_text())
    return document


@pytest.mark.parametrize("image", IMAGES)
def test_every_pinned_package_is_named(folder: Path, image: str) -> None:
    """Each bill names every pinned package with its version and each hash that pip accepts. The test finds them by
    other means than the code."""
    text = (ROOT / "requirements" / f"{IMAGES[image]}.txt").read_text()
    parts = _read(folder, image)["components"]
    assert [(part["name"], part["version"]) for part in parts] == re.findall(
        r"^([\w.-]+)(?:\[.*\])?==(\S+)", text, re.M
    )
    assert [one["content"] for part in parts for one in part["externalReferences"][0]["hashes"]] == re.findall(
        r"sha256:([0-9a-f]{64})", text
    )
    conditional = {part["name"] for part in parts if part["scope"] == "optional"}
    assert conditional == set(re.findall(r"^([\w.-]+)(?:\[.*\])?==\S+ ;", text, re.M))
    assert len({part["bom-ref"] for part in parts}) == len(parts)


def test_there_is_one_for_every_image_that_is_built() -> None:
    """Every image that is built has a bill, from the requirements that its build uses, and the build writes the bill
    too."""
    services = read_yaml.document((ROOT / "docker-compose.yml").read_text())["services"].values()
    built = [each["build"]["args"] for each in services if "build" in each]
    assert {each["SERVICE"]: each.get("REQUIREMENTS", each["SERVICE"]) for each in built} == IMAGES
    assert "python -m deploy.sbom /made/app ${SERVICE} ${VERSION}" in (ROOT / "deploy" / "Dockerfile").read_text()
    assert "!deploy/sbom\n" in (ROOT / ".dockerignore").read_text()


def test_the_same_pins_give_the_same_bill(folder: Path, tmp_path: Path) -> None:
    """The same pins give the same bill to the byte, and other pins another serial number; the bill contains no address
    of a registry."""
    assert main([str(tmp_path), "api"]) == 0
    name = "holdfast-api.cdx.json"
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    assert "http" not in re.sub(r'"[\w.-]*http[\w.-]*"|/[\w.-]*http[\w.-]*@', "", (folder / name).read_text())
    packages = pins((ROOT / "requirements" / "api.txt").read_text())
    serials = {bill("api", "1", some)["serialNumber"] for some in (packages, packages[1:])}
    assert len(serials | {_read(folder, "api")["serialNumber"]}) == 3


_NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,10}[A-Za-z0-9])?", fullmatch=True)


@given(st.lists(st.tuples(_NAMES, st.sampled_from(["", "python_version < '3.12'"]), st.integers(1, 3)), max_size=5))
def test_what_was_pinned_is_read(packages: list[tuple[str, str, int]]) -> None:
    """Pins are read with extras, conditions, comments and any number of hashes."""
    wanted = [Pin(name, "1.0", condition, ("a" * 64,) * count) for name, condition, count in packages]
    text = "# ours\n" + "".join(
        f"{pin.name}[x,y]==1.0{f' ; {pin.condition}' if pin.condition else ''}"
        + "".join(f" \\\n    --hash=sha256:{each}" for each in pin.hashes) + "\n    # via x\n"
        for pin in wanted
    )  # fmt: skip
    assert pins(text) == wanted


@pytest.mark.parametrize("line", ["redis", "redis>=8", "redis==8", "-r other.txt", "redis @ file:///x --hash=sha256:a"])
def test_what_is_not_pinned_is_no_bill(line: str) -> None:
    """A requirement that is not pinned is refused, because a bill has to name exactly what its image holds."""
    with pytest.raises(ValueError, match="not pinned"):
        pins(line)


def test_an_unknown_image_is_refused(tmp_path: Path) -> None:
    """An unknown image is refused, and nothing is written."""
    assert main([str(tmp_path), "none"]) == main([]) == 2
    assert list(tmp_path.iterdir()) == []
