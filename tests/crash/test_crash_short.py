"""Crash safety, the short form of `make test-crash`."""

from pathlib import Path

import pytest

from tests.crash.drill import run
from tests.crash.report import table

_SECONDS = 15.0
_SEED = 20260115


@pytest.mark.long
def test_no_acknowledged_write_is_lost_or_applied_twice(tmp_path: Path) -> None:
    """Everything is killed at random moments under load, some writers between commit and acknowledge."""
    drill = run(tmp_path, _SECONDS, _SEED)
    assert drill.passed, table(drill)
    assert drill.proved, table(drill)
