"""The bill: CycloneDX 1.6 from a pinned requirements file. Pure.

It is written here instead of by a tool because it is also written during the image's build, where only Python is
available. The existing tools also name a registry's addresses, and omit the condition under which a package is
installed.
"""

import re
import uuid
from typing import Any, NamedTuple

SPEC_VERSION = "1.6"
#: The requirements of each image.
IMAGES = {name: name for name in ("api", "writer", "external_proxy", "dlq_admin", "migrate")} | {
    "secrets": "external_proxy",
    "third_party": "external_proxy",
}
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;]+)(?:\s*;\s*(.*))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NAMESPACE = uuid.UUID("6f1d1f0e-6f1b-5b0e-9a55-3d1c2a7e9d10")


class Pin(NamedTuple):
    """One package: its version, the condition under which it is installed, and SHA-256 of every acceptable file."""

    name: str
    version: str
    condition: str
    hashes: tuple[str, ...]


def pins(requirements: str) -> list[Pin]:
    """Return the pins in the file's order. Raises ValueError for a line that pins nothing or has no hash."""
    found = []
    for line in requirements.replace("\\\n", " ").splitlines():
        text = line.partition(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        pin, hashes = text.partition(" --hash")[0].strip(), tuple(_HASH.findall(text))
        match = _PIN.fullmatch(pin)
        if match is None or not hashes:
            raise ValueError(f"not pinned with a hash: {pin[:100]}")
        found.append(Pin(match[1], match[2], match[3] or "", hashes))
    return found


def bill(image: str, version: str, packages: list[Pin]) -> dict[str, Any]:
    """Return the bill, which is the same text for the same pins: it has no time, and its serial number follows from the
    content."""
    about = {
        "type": "application",
        "bom-ref": f"holdfast-{image}",
        "name": f"holdfast-{image}",
        "version": version,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    content = {"metadata": {"component": about}, "components": [_component(each) for each in packages]}
    serial = uuid.uuid5(_NAMESPACE, repr(content))
    head = {"bomFormat": "CycloneDX", "specVersion": SPEC_VERSION, "serialNumber": f"urn:uuid:{serial}", "version": 1}
    return head | content


def _component(pin: Pin) -> dict[str, Any]:
    """Return the entry of a package. A condition makes it optional, because an image whose Python or platform does not
    meet the condition lacks the package."""
    purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', pin.name).lower()}@{pin.version}"
    files = {
        "type": "distribution",
        "url": purl,
        "comment": "one of these files; pip takes no other",
        "hashes": [{"alg": "SHA-256", "content": each} for each in pin.hashes],
    }
    condition = {"properties": [{"name": "holdfast:condition", "value": pin.condition}]} if pin.condition else {}
    return {
        "type": "library",
        "bom-ref": f"{purl}#{pin.condition}" if pin.condition else purl,
        "name": pin.name,
        "version": pin.version,
        "scope": "optional" if pin.condition else "required",
        "purl": purl,
        "externalReferences": [files],
        **condition,
    }
