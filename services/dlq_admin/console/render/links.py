"""Links: where an alert's addresses lead from a page of the console. Pure."""

import re
from collections.abc import Container
from pathlib import PurePosixPath
from urllib.parse import urlsplit

_GRAFANA = re.compile(r"^/d/([\w-]{1,64})(?:[/?#]|$)")


#: Where the console has its own runbooks.
RUNBOOKS = "/console/runbooks"


class Links:
    """Resolves addresses. `runbook_base`: prefix for a runbook that is a path, instead of the console's own pages.
    `dashboards`: the uids that the live view draws. `runbooks`: the names of the console's pages."""

    def __init__(self, runbook_base: str | None, dashboards: Container[str], runbooks: Container[str]) -> None:
        self._runbook_base = runbook_base
        self._dashboards = dashboards
        self._runbooks = runbooks

    def runbook(self, address: str) -> str | None:
        """Return the address of a runbook, or None if it is only a path, no base is configured, and no page has its
        name."""
        if _is_address(address):
            return address
        if address and self._runbook_base and not urlsplit(address).scheme:
            return f"{self._runbook_base.rstrip('/')}/{address.lstrip('/')}"
        name = PurePosixPath(address).stem
        return f"{RUNBOOKS}/{name}" if name in self._runbooks else None

    def dashboard(self, address: str) -> str | None:
        """Return the address of a dashboard. Grafana's path of a dashboard that the live view draws leads there. Return
        None if the address leads nowhere."""
        found = _GRAFANA.match(address)
        if found and found[1] in self._dashboards:
            return f"/console/live/{found[1]}"
        return address if _is_address(address) else None


def _is_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
