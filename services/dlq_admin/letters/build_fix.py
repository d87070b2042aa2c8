"""Fix: has anything changed since these failed? The builds that failed against those that run. Pure."""

from collections.abc import Collection, Mapping
from typing import Any


def verdict(failed: Collection[str], running: Mapping[str, str]) -> dict[str, Any]:
    """`running`: writer -> build. What a person should make of it is in `says`."""
    builds = sorted(set(running.values()))
    still = [build for build in builds if build in failed]
    if not builds:
        changed, says = None, "No writer was heard of lately, so nobody can tell what would handle these now."
    elif not still:
        changed, says = "yes", "Every writer runs a build that none of these has failed on yet."
    elif len(still) < len(builds):
        changed, says = "partly", "Some writers still run a build that these failed on."
    else:
        changed, says = "no", "Nothing changed since these failed: the same build is still running."
    return {"running_builds": builds, "writers": len(running), "changed": changed, "says": says}
