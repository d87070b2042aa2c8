"""Links: where an alert's addresses lead from a page of the console. Pure."""

import re
from collections.abc import Container
from urllib.parse import urlsplit

_GRAFANA = re.compile(r"^/d/([\w-]{1,64})(?:[/?#]|$)")


class Links:
    """`runbook_base`: put before a runbook that is a path. `dashboards`: the uids that the live view draws."""

    def __init__(self, runbook_base: str | None, dashboards: Container[str]) -> None:
        self._runbook_base = runbook_base
        self._dashboards = dashboards

    def runbook(self, told: str) -> str | None:
        """None: it is only a path, and no base is configured."""
        if _is_address(told):
            return told
        if told and self._runbook_base and not urlsplit(told).scheme:
            return f"{self._runbook_base.rstrip('/')}/{told.lstrip('/')}"
        return None

    def dashboard(self, told: str) -> str | None:
        """Grafana's path of a dashboard that we draw ourselves leads to ours."""
        found = _GRAFANA.match(told)
        if found and found[1] in self._dashboards:
            return f"/console/live/{found[1]}"
        return told if _is_address(told) else None


def _is_address(told: str) -> bool:
    try:
        parts = urlsplit(told)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
