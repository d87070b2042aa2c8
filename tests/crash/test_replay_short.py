"""Replays are crash-safe, the short form of `make test-crash-replay`."""

from pathlib import Path

import pytest

from tests.crash.replay_drill import run

_LETTERS, _SECONDS, _SEED = 1500, 8.0, 20260116


@pytest.mark.long
def test_a_replay_survives_the_death_of_everything(tmp_path: Path) -> None:
    """dlq_admin, writers, Redis and the database are killed while it runs: each letter once, none lost, and it ends."""
    drill = run(tmp_path, _LETTERS, _SECONDS, _SEED)
    assert not drill.wrong, drill.table()
    assert drill.kills["dlq_admin"], drill.table()
    assert drill.leases > 1, drill.table()
