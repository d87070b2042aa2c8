"""Letters: waits until the poison on the stream has become dead letters."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from deploy.client.request import bearer, request
from deploy.local.progress import during
from holdfast.shared.letters.state import State

#: Seconds without a new letter after which the rest is given up.
_PATIENCE_S = 60.0
_POLL_S = 0.5
_ANSWER_S = 10.0


class Known(NamedTuple):
    """The state of dlq_admin. `letters`: their number, in whatever state, or None if unknown. `halted`: a writer that
    has halted, and why."""

    letters: int | None
    halted: str = ""


def known(admin: str, token: str) -> Known:
    """Return the state that dlq_admin reports."""
    answer = request(admin, "GET", "/dlq/overview", headers=bearer(token), timeout_s=_ANSWER_S)
    return of_overview(answer.body["data"]) if answer.status == 200 else Known(None)


def of_overview(data: Any) -> Known:
    """Return the state in an answer of the overview."""
    counts = data["letters"]
    halted = [f"{one['name']}: {one['halted']['why']}" for one in data["writers"] or () if one["halted"]]
    letters = None if counts is None else sum(counts[name] for name in (*State, "purged"))
    return Known(letters, "; ".join(halted))


def wait(
    count: int,
    before: Known,
    look: Callable[[], Known],
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] = time.sleep,
) -> str:
    """Wait until there are `count` more letters than `before`, or no more come. Return the outcome as a sentence."""
    if before.letters is None:
        return "Whether they are dead letters yet is not known: dlq_admin does not say. Look: make dlq ARGS=groups"
    came, deadline = 0, clock() + _PATIENCE_S
    with during("waiting until they are dead letters"):
        while True:
            now = look()
            if now.letters is not None and now.letters - before.letters > came:
                came, deadline = now.letters - before.letters, clock() + _PATIENCE_S
            if came >= count:
                return "All of them are dead letters now."
            if clock() > deadline:
                why = f"a writer is halted ({now.halted})" if now.halted else f"none came for {_PATIENCE_S:.0f} s"
                return f"{came} of {count} are dead letters so far; {why}. Look: make dlq ARGS=overview"
            pause(_POLL_S)
