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

    def runbook(self, address: str) -> str | None:
        """None: it is only a path, and no base is configured."""
        if _is_address(address):
            return address
        if address and self._runbook_base and not urlsplit(address).scheme:
            return f"{self._runbook_base.rstrip('/')}/{address.lstrip('/')}"
        return None

    def dashboard(self, address: str) -> str | None:
        """Grafana's path of a dashboard that we draw ourselves leads to ours."""
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
