"""Which pages there are."""

from pathlib import Path

from deploy.reference.endpoints import endpoints
from deploy.reference.errors import errors
from deploy.reference.metrics import metrics
from deploy.reference.settings import settings
from deploy.reference.streams import streams
from deploy.reference.time_budgets import time_budgets

FOLDER = Path(__file__).parent.parent.parent / "docs" / "reference"


def pages() -> dict[str, str]:
    """File name -> text."""
    return {
        "endpoints.md": endpoints(),
        "errors.md": errors(),
        "metrics.md": metrics(),
        "settings.md": settings(),
        "streams.asyncapi.yaml": streams(),
        "time-budgets.md": time_budgets(),
    }
