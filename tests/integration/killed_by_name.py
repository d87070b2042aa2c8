"""A writer that dies of kill -9 whenever a transaction of its holds a user called `Killer`."""

import os
import signal
from collections.abc import Callable, Iterable

from services.writer.__main__ import main
from shared.commands import changes
from shared.decide import Delivery, Patience
from shared.merge import User
from shared.outcome import Outcome
from shared.store import apply as store
from shared.store.engine import Engine

_apply = store.apply


def _deadly(
    engine: Engine,
    batch: list[Delivery],
    patient: Patience,
    changed: Callable[[Iterable[User]], None],
    *,
    past_locks: bool = False,
) -> list[Outcome]:
    if any(changes(delivery.write.command)[0] == "Killer" for delivery in batch):
        os.kill(os.getpid(), signal.SIGKILL)
    return _apply(engine, batch, patient, changed, past_locks=past_locks)


if __name__ == "__main__":
    store.apply = _deadly
    main()
