"""Watch: prints the progress of a replay until it is over or waits for an operator."""

import time
from typing import Any

from holdfast.services.dlq_admin.away import silent
from holdfast.services.dlq_admin.cli.client import Client
from holdfast.services.dlq_admin.cli.output import Output
from holdfast.services.dlq_admin.cli.table import counts, plain

_EVERY_S = 1.0
_OVER = {"done", "cancelled", "recalled"}
_WAITS = {"stopped", "paused", "awaiting_approval"}


def watch(client: Client, replay_id: int, *, quiet: bool) -> Output:
    """Print progress until the replay is over or waits for an operator; in the latter case the exit code is 1. Raises
    Refused, NotReachable."""
    before = ""
    while True:
        answer = client.get(f"/dlq/replays/{replay_id}")
        line = progress(answer.data)
        if line != before and not quiet:
            print(line, flush=True)
        before = line
        if answer.data["state"] in _OVER | _WAITS:
            return Output(answer, [], int(answer.data["state"] in _WAITS))
        time.sleep(_EVERY_S)


def progress(one: dict[str, Any]) -> str:
    """Return the state of a replay as one line."""
    state = plain(one["state"] + (f" ({one['state_reason']})" if one["state_reason"] else ""))
    waits = f"; {silent(one['partitions_away'])}" if one["partitions_away"] else ""
    return f"replay {one['id']}: {state}; of {one['letters']}: {counts(one['counts'])}{waits}"
