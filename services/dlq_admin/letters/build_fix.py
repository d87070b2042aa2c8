"""Build fix: the builds that failed against those that run: has anything changed since? Pure."""

from collections.abc import Collection, Mapping

from holdfast.services.dlq_admin.letters.models import BuildFix


def build_fix(failed: Collection[str], running: Mapping[str, str]) -> BuildFix:
    """`running`: writer -> build. `says` is for people."""
    builds = sorted(set(running.values()))
    still = [build for build in builds if build in failed]
    if not builds:
        changed, says = None, "No writer has reported lately, so it is not known which build would handle these."
    elif not still:
        changed, says = "yes", "Every writer runs a build that none of these has failed on."
    elif len(still) < len(builds):
        changed, says = "partly", "Some writers still run a build that these failed on."
    else:
        changed, says = "no", "Nothing changed since these failed: the same build is still running."
    return BuildFix(running_builds=builds, writers=len(running), changed=changed, says=says)
