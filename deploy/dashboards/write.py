"""Write: writes the dashboards as the files that Grafana reads, and finds those that are out of date."""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.dashboards import dependencies, failure_recovery, overview, pipeline
from deploy.dashboards.board import Board, drawn
from deploy.generated import is_current

FOLDER = Path(__file__).parents[2] / "services" / "dlq_admin" / "live" / "grafana"
BOARDS: tuple[Board, ...] = (failure_recovery.BOARD, overview.BOARD, pipeline.BOARD, dependencies.BOARD)


def files() -> dict[Path, str]:
    """Return the text of each file."""
    return {FOLDER / f"{board.uid}.json": as_json(board) for board in BOARDS}


def as_json(board: Board) -> str:
    """Return Classic JSON that is readable in a diff."""
    return json.dumps(drawn(board), cls=JSONEncoder, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def stale() -> list[str]:
    """Return what is wrong with the folder, one sentence each."""
    wanted = files()
    wrong = [f"{path.name} is out of date" for path, text in wanted.items() if not is_current(path, text)]
    return wrong + [
        f"{path.name} belongs to no dashboard" for path in sorted(FOLDER.glob("*.json")) if path not in wanted
    ]


def write() -> list[str]:
    """Write what is out of date, and delete what belongs to no dashboard. Return what was done, one sentence each."""
    wanted = files()
    done = []
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.json"):
        if path not in wanted:
            path.unlink()
            done.append(f"deleted {path.name}")
    for path, text in wanted.items():
        if not is_current(path, text):
            path.write_text(text)
            done.append(f"wrote {path.name}")
    return done
