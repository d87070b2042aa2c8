"""`python -m deploy.dashboards.lint`: exit code 1 when a dashboard is wrong or out of date."""

import json
import sys

from deploy.dashboards.board import Board
from deploy.dashboards.lint.finding import Finding
from deploy.dashboards.lint.known import known
from deploy.dashboards.lint.lint import Excuses, alerts, documents, findings, of_alerts
from deploy.dashboards.panel import Panel
from deploy.dashboards.write import BOARDS, as_json, stale


def excuses(board: Board) -> Excuses:
    """Return the excuses that are written beside the panels."""
    every = (panel for row in board.rows for panel in row.panels if isinstance(panel, Panel))
    return {panel.title: panel.excused for panel in every if panel.excused}


def wrong() -> list[tuple[str, Finding]]:
    """Yield (dashboard, what is wrong with it)."""
    series, uids, pages = known(), [board.uid for board in BOARDS], documents()
    found = [
        (board.uid, finding)
        for board in BOARDS
        for finding in findings(json.loads(as_json(board)), excuses(board), series, uids, pages)
    ]
    return found + [("alerts", finding) for finding in of_alerts(alerts(), uids)]


def main() -> int:
    """Print what is wrong, one finding per line, and return the exit code."""
    lines = [f"{uid}: {finding}" for uid, finding in wrong()] + [f"{sentence}: make dashboards" for sentence in stale()]
    print("\n".join(lines) or f"{len(BOARDS)} dashboards: no findings.", file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
