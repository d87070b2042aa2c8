"""Whether a container is confined is decided from what the engine reports about it."""

import copy
from typing import Any

import pytest

from deploy.compose.confined import faults

FINE: dict[str, Any] = {
    "Config": {"User": "10001:10001"},
    "HostConfig": {
        "ReadonlyRootfs": True, "CapDrop": ["ALL"], "CapAdd": None, "SecurityOpt": ["no-new-privileges:true"],
        "Privileged": False, "PidMode": "", "NetworkMode": "holdfast_core", "Memory": 2**28, "NanoCpus": 10**9,
        "CpuQuota": 0, "PidsLimit": 128, "PortBindings": {},
    },
}  # fmt: skip


def test_one_that_is_confined() -> None:
    """A confined container has no faults."""
    assert list(faults("api", FINE)) == []


@pytest.mark.parametrize(
    ("part", "name", "value", "expected"),
    [
        ("Config", "User", "", "root"),
        ("Config", "User", "0:0", "root"),
        ("HostConfig", "ReadonlyRootfs", False, "root file system"),
        ("HostConfig", "CapDrop", None, "capabilities"),
        ("HostConfig", "CapAdd", ["SYS_ADMIN"], "capabilities"),
        ("HostConfig", "SecurityOpt", None, "privileges"),
        ("HostConfig", "NetworkMode", "host", "network"),
        ("HostConfig", "Memory", 0, "memory"),
        ("HostConfig", "NanoCpus", 0, "CPU"),
        ("HostConfig", "PidsLimit", None, "processes"),
        ("HostConfig", "PortBindings", {"8080/tcp": [{"HostPort": "1"}]}, "8080/tcp"),
    ],
)
def test_what_is_missing_is_named(part: str, name: str, value: object, expected: str) -> None:
    """Each missing restriction is reported in one sentence that names it."""
    container = copy.deepcopy(FINE)
    container[part][name] = value
    (fault,) = faults("api", container)
    assert expected in fault
