"""Confined: judges what a container may do by the output of `docker inspect`. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

#: Services that may be reached from outside. No other has a published port.
PUBLISHED = {"haproxy", "dlq_admin", "grafana", "third_party"}
_ROOT = {"", "0", "root", "0:0", "root:root"}


def faults(service: str, container: Mapping[str, Any]) -> Iterator[str]:
    """Return what is wrong, one sentence each, or nothing for a confined container."""
    config, host = container["Config"], container["HostConfig"]
    if config["User"] in _ROOT:
        yield "runs as root"
    if not host["ReadonlyRootfs"]:
        yield "may write to its root file system"
    if "ALL" not in (host["CapDrop"] or ()) or host["CapAdd"]:
        yield "has capabilities"
    if not any(option.startswith("no-new-privileges") for option in host["SecurityOpt"] or ()):
        yield "may gain privileges"
    if host["Privileged"] or host["PidMode"] == "host" or host["NetworkMode"] == "host":
        yield "shares the host's processes or network"
    if not host["Memory"]:
        yield "has no memory limit"
    if not host["NanoCpus"] and not host["CpuQuota"]:
        yield "has no CPU limit"
    if not host["PidsLimit"] or host["PidsLimit"] < 0:
        yield "has no limit of processes"
    yield from _ports(service, host["PortBindings"] or {})


def _ports(service: str, bindings: Mapping[str, Any]) -> Iterator[str]:
    if bindings and service not in PUBLISHED:
        yield f"publishes {', '.join(bindings)}"
